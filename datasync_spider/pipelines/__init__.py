"""The way of a page into the database: a buffer, a dispatcher over writing threads, and Scrapy's pipeline around them."""
