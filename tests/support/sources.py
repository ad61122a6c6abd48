"""The stream of the API that comes with the project, and its pages, read without a crawl."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.records import compiled
from datasync_spider.records.answer import check_answer as check
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.storage.registry import StreamSpec


def paths(*texts: str) -> tuple[Path, ...]:
    return tuple(map(parse_path, texts))


EVENTS_STREAM = built_in_source().streams["events"]
PAGES = PageReader(EVENTS_STREAM, CursorPaginator(EVENTS_STREAM.next))
READER = PAGES.records


def read_page(body: bytes, pages: PageReader = PAGES) -> Page:
    """The page of a body that answered the first request."""
    return pages.read(body, {}, Asked("http://127.0.0.1/events", None, None))


def check_answer(status: int, headers: Mapping[str, str], body: bytes) -> Page:
    """What an answer to the first request means."""
    return check(PAGES, Asked("http://127.0.0.1/events", None, None), status, lambda: headers, body)


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
