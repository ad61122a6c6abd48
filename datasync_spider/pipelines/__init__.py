"""The way of a page into the database: a buffer, a dispatcher over writing threads, Scrapy's pipeline around them."""
