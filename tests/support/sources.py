"""The stream of the API that comes with the project, and its pages, read without a crawl."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.api import compiled
from datasync_spider.api.page import Asked, Page, PageReader
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.spec import End, EndFlag, Incremental, Next, Stream
from datasync_spider.storage.registry import StreamSpec
from datasync_spider.streamnames import NO_SLICE


def paths(*texts: str) -> tuple[Path, ...]:
    return tuple(map(parse_path, texts))


def _everywhere(*names: str) -> tuple[Path, ...]:
    return paths(*(f"{place}{name}" for place in ("pagination.", "meta.", "") for name in names))


EVENTS_STREAM = Stream(
    name="events",
    url="/events",
    query=(("limit", "{page_size}"), ("since", "{since}"), ("until", "{until}")),
    records=paths("data", "events"),
    id=paths("id", "eventId", "event_id"),
    time=paths("timestamp", "occurredAt", "occurred_at"),
    order="newest-first",
    next=Next(
        source="body",
        to="query",
        parameter="cursor",
        paths=_everywhere("nextCursor", "next_cursor"),
    ),
    end=End(flags=tuple(EndFlag(path=path, value=False) for path in _everywhere("hasMore", "has_more"))),
    total=_everywhere("total"),
    returned=_everywhere("returned"),
    request_id=_everywhere("requestId", "request_id"),
    cursor_seconds=_everywhere("cursorExpiresIn", "cursor_expires_in"),
    incremental=Incremental(type="known", format="ms"),
)
PAGES = PageReader(EVENTS_STREAM, CursorPaginator(EVENTS_STREAM.next))
READER = PAGES.records


def read_page(body: bytes, pages: PageReader = PAGES) -> Page:
    """The page of a body that answered the first request."""
    return pages.read(body, {}, Asked("http://127.0.0.1/events", None, None))


def read_page_in_python(body: bytes, pages: PageReader = PAGES) -> Page:
    """The same as where nothing could be compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "IS_COMPILED", False)
        return read_page(body, pages)


READ_WAYS = (read_page, read_page_in_python)
"""Each way in which a page is read."""


def stream_spec(name: str, slice_name: str = NO_SLICE, **facts: Any) -> StreamSpec:
    """A stream whose records are read as those of the API that comes with the project."""
    return StreamSpec(name, READER, slice_name, **facts)
