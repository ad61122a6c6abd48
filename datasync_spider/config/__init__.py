"""What a user configures: one table of names, read once from all its sources into one frozen value.

Invariant: a :class:`Config` that exists is valid as a whole; whatever was wrong has been reported together before.
Connections, files other than the named secret files, and Scrapy's own settings have no place here.
"""

from datasync_spider.config.model import Config
from datasync_spider.config.table import SETTINGS, Setting

__all__ = ["SETTINGS", "Config", "Setting"]
