"""Scrapy's stats in memory, without what Scrapy 2.19 does at each look at a method of theirs.

It wraps the methods to warn of an argument that nobody gives any more, and finds the wrapped ones in Python: two
samples of a hundred in a profile of small pages. The stats are Scrapy's own, and so is what is done with them.
"""

from __future__ import annotations

from scrapy.statscollectors import MemoryStatsCollector


class PlainStatsCollector(MemoryStatsCollector):
    """In Scrapy's setting STATS_CLASS."""

    __getattribute__ = object.__getattribute__
