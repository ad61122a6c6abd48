"""The commands of the ``scrapy`` tool, one a file. No base class may live here: Scrapy would take it for a command."""
