"""From what a stream says of its next pages to the class that does it.

Invariant: what no class does is refused here, and nothing of it is ignored.
"""

from __future__ import annotations

from collections.abc import Callable

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paginators.link import UrlPaginator
from datasync_spider.sources.paginators.member import MemberPaginator
from datasync_spider.sources.paginators.merged import MergedPaginator
from datasync_spider.sources.paginators.offset import OffsetPaginator
from datasync_spider.sources.paginators.page import PagePaginator
from datasync_spider.sources.paginators.protocol import Paginator
from datasync_spider.sources.paginators.several import SeveralPaginator
from datasync_spider.sources.paginators.tailed import TailedPaginator
from datasync_spider.sources.paginators.user import UserPaginator
from datasync_spider.sources.spec import Next, Stream
from datasync_spider.sources.userclasses import is_place

_ALLOWED = (
    "allowed are body, header and last to query, body or header, alone or several beside each other; body and header to"
    " url; link to url; the counters offset and page to query, body or header; an object, and a class in Python; body,"
    " last and object need paths, header and link a name, query and header a parameter, a body a path; first goes with"
    " one that is no URL, and beside a url nothing is kept"
)
_COUNTERS: dict[str, Callable[[Next], Paginator]] = {"offset": OffsetPaginator, "page": PagePaginator}


def stream_paginator(stream: Stream, secret_parameters: frozenset[str] = frozenset()) -> Paginator:
    """What follows the stream's pages, and finds its durable token where that stands in a place of its own."""
    way = paginator(stream.next, secret_parameters, stream)
    if stream.tail is None:
        return way
    return TailedPaginator(way, paginator(stream.tail, secret_parameters, stream), stream.next, stream.tail)


def paginator(next_: Next, secret_parameters: frozenset[str] = frozenset(), stream: Stream | None = None) -> Paginator:
    """Raises ConfigurationError. ``secret_parameters``: names that are taken out of every URL that an API links to.

    ``stream``: what a class of the user's is made of.
    """
    if not _is_whole(next_):
        raise ConfigurationError(f"next = {next_!r}: {_ALLOWED}")
    if next_.source == "python":
        if stream is None:
            raise ConfigurationError(f"next = {next_!r}: a class in Python is made of its stream")
        return UserPaginator(next_, stream)
    if next_.beside:
        return SeveralPaginator(next_)
    if next_.source == "counter":
        return _COUNTERS[next_.name](next_)
    if next_.source == "object":
        return MergedPaginator(next_)
    if next_.to == "url":
        return UrlPaginator(next_, secret_parameters)
    return MemberPaginator(next_) if next_.to == "body" else CursorPaginator(next_)


def _is_whole(next_: Next) -> bool:
    if next_.beside:
        return all(_is_token(step) for step in (next_, *next_.beside))
    match next_.source:
        case "python":
            return is_place(next_.name) and next_.first is None and next_.keep is None
        case "object":
            return bool(next_.paths) and next_.to == "query" and not next_.parameter and next_.first is None
    return _is_step(next_)


def _is_step(next_: Next) -> bool:
    return _is_from(next_) and _is_to(next_)


def _is_token(next_: Next) -> bool:
    is_one = next_.source in {"body", "header", "last"} and next_.to != "url" and next_.first is None
    return is_one and _is_step(next_)


def _is_from(next_: Next) -> bool:
    match next_.source:
        case "body":
            return bool(next_.paths)
        case "last":
            # Several values are one list, which only a body can hold.
            return bool(next_.paths) and (len(next_.paths) == 1 or next_.to == "body") and next_.to != "url"
        case "counter":
            is_number = next_.first is None or (isinstance(next_.first, int) and next_.first >= 0)
            return next_.name in _COUNTERS and is_number and next_.to != "url"
        case "link":
            return bool(next_.name) and next_.to == "url"
    return bool(next_.name)


def _is_to(next_: Next) -> bool:
    if next_.base is not None and next_.to != "url":
        return False
    match next_.to:
        case "url":
            return not next_.keep and next_.first is None and (next_.base is None or next_.source in {"body", "header"})
        case "body":
            return next_.path is not None and not next_.path.is_body
    return bool(next_.parameter)
