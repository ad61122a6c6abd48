"""From what a stream says of its next pages to the class that does it.

Invariant: what no class does is refused here, and nothing of it is ignored.
"""

from __future__ import annotations

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paginators.link import UrlPaginator
from datasync_spider.sources.paginators.offset import OffsetPaginator
from datasync_spider.sources.paginators.protocol import Paginator
from datasync_spider.sources.paginators.tailed import TailedPaginator
from datasync_spider.sources.spec import Next, Stream

_ALLOWED = (
    "allowed are body or header to query or url, link to url, and the counter offset to query; body needs paths, header"
    " and link a name, query a parameter, first is 0 or more, and beside a url nothing is kept"
)


def stream_paginator(stream: Stream, secret_parameters: frozenset[str] = frozenset()) -> Paginator:
    """What follows the stream's pages, and finds its durable token where that stands in a place of its own."""
    way = paginator(stream.next, secret_parameters)
    if stream.tail is None:
        return way
    return TailedPaginator(way, paginator(stream.tail, secret_parameters), stream.next, stream.tail)


def paginator(next_: Next, secret_parameters: frozenset[str] = frozenset()) -> Paginator:
    """Raises ConfigurationError. ``secret_parameters``: names that are taken out of every URL that an API links to."""
    if not _is_whole(next_):
        raise ConfigurationError(f"next = {next_!r}: {_ALLOWED}")
    if next_.source == "counter":
        return OffsetPaginator(next_)
    return CursorPaginator(next_) if next_.to == "query" else UrlPaginator(next_, secret_parameters)


def _is_whole(next_: Next) -> bool:
    if next_.to == "query":
        if not next_.parameter or next_.source == "link":
            return False
    elif next_.source == "counter" or next_.keep:
        return False
    match next_.source:
        case "body":
            return bool(next_.paths)
        case "counter":
            return next_.name == "offset" and (
                next_.first is None or (isinstance(next_.first, int) and next_.first >= 0)
            )
    return bool(next_.name)
