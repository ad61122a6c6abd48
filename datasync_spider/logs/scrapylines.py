"""What Scrapy logs for each response and each item: nothing, since the spider's own line for a page reports both.

Scrapy makes these lines before it knows whether anyone wants them. Errors and dropped pages are logged as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response
    from scrapy.logformatter import LogFormatterResult
    from twisted.python.failure import Failure


class PageLogFormatter(LogFormatter):
    """In Scrapy's setting LOG_FORMATTER."""

    def crawled(self, request: Request, response: Response, spider: Spider) -> LogFormatterResult | None:  # type: ignore[override] # documented: None logs nothing
        return None

    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> LogFormatterResult | None:  # type: ignore[override] # as above
        return None
