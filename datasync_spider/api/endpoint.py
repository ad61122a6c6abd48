"""URLs of the events API: how a page is asked for; which URLs are the API's own is the same for every source.

Invariant: a cursor arrives at the server as the very text that the server gave.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

from datasync_spider.sources.urls import origin, same_origin

__all__ = ["events_url", "origin", "same_origin"]


def events_url(base_url: str, limit: int, cursor: str | None = None, until_ms: int | None = None) -> str:
    """The URL of one page of the feed. A query in ``base_url`` is kept, before the page's own parameters."""
    url = f"{_events_url(base_url)}limit={limit}"
    if cursor is not None:
        # quote, not quote_plus: a plus sign for a space is undone by form parsers only.
        url += f"&cursor={quote(cursor, safe='')}"
    return url if until_ms is None else f"{url}&until={until_ms}"


@lru_cache(16)
def _events_url(base_url: str) -> str:
    """All before the page's own parameters."""
    base = urlsplit(base_url)
    query = f"{base.query}&" if base.query else ""
    return f"{urlunsplit((base.scheme, base.netloc, base.path.rstrip('/') + '/events', '', ''))}?{query}"
