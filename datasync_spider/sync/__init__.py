"""One sync of one slice, from the opening of its run to its verdict. Begin with :mod:`datasync_spider.sync.slicesync`.

Invariant: nothing here knows Scrapy. What asks for pages, waits and shows is passed in, or calls from above; so any
number of syncs may go on side by side on one event loop.
"""
