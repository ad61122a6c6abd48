"""What a running crawl knows of itself: a model fed by signals, its words, and the verdict on its health.

Everything but :mod:`datasync_spider.faces.progress.feed` is pure: the time is an argument, nothing is printed, no one
is asked. What shows or serves it (log lines, the live view, metrics, the health page) stands above and only reads.
"""
