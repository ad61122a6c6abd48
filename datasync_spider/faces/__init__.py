"""What people and programs see of runs: progress, live view, exit report, metrics, status page.

Invariant: a face only shows. It asks no API, and changes nothing that is stored; what columns are called and how they
are shown is :mod:`datasync_spider.observe`'s.
"""
