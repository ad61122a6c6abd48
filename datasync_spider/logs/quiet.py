"""Keeps Scrapy's lists of what it has loaded out of the log unless someone debugs.

Invariant: warnings and worse always pass, and so does everything at ``LOG_LEVEL=DEBUG``.
"""

from __future__ import annotations

import logging

# By logger, how the messages begin. The loggers say other things too, such as that a signal came.
_LISTS = {
    "scrapy.addons": ("Enabled addons",),
    "scrapy.crawler": ("Overridden settings",),
    "scrapy.middleware": ("Enabled ",),
    "scrapy.utils.log": ("Scrapy %(version)s started", "Versions:"),
    "scrapy_fake_useragent.middleware": ("Using '",),
}


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """The filter of a handler whose level is above DEBUG."""
    beginnings = _LISTS.get(record.name)
    if beginnings is None or record.levelno >= logging.WARNING:
        return True
    return not str(record.msg).startswith(beginnings)
