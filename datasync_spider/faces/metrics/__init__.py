"""A crawl's metrics and health over HTTP: what is reported, under which names, and to whom.

Names, labels and units leave the process, so they are API: each has its line in ``docs/reference/metrics.md``.
"""
