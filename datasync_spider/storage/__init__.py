"""PostgreSQL: the only package that knows SQL or psycopg2.

Invariant: whatever leaves here as an exception is one of :mod:`datasync_spider.errors`, and whatever is reported as
saved was committed. No Scrapy, no reactor, no clock but the database's: callers run these functions in threads of
their own.
"""
