"""Readers of streams as a file says them, and what they make of a body."""

from __future__ import annotations

from typing import Any

from datasync_spider.records.event import RejectedEvent
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.sources.paginators.choose import paginator
from tests.support.sourcetexts import REMOVED
from tests.unit.sources.streams import stream

_PLAIN = {"mutable": False, "version": REMOVED, "tombstone": REMOVED, "history": False}
_LINES = {"next": {"from": "header:x-next", "to": "query:cursor"}, "end": ["no-next"]}


def reader(records: Any = "data", **more: Any) -> RecordReader:
    """Of a stream with these records, with ``id`` for an id and ``at`` for a time where nothing else is said."""
    return RecordReader.of(stream("records", records, **{**_PLAIN, "id": "id", "time": "at", **more}))


def lines(records: Any = "@", **more: Any) -> RecordReader:
    return reader(records, format="ndjson", **{**_LINES, **more})


def page(body: bytes, records: Any = "data", **more: Any) -> Page:
    """The page of a body that answered the first request."""
    made = stream("records", records, **{**_PLAIN, "id": "id", "time": "at", **more})
    return PageReader(made, paginator(made.next)).read(body, {}, Asked("https://api.example.com/issues", None, 50))


def read(body: bytes, by: RecordReader) -> tuple[dict[str, bytes], list[RejectedEvent]]:
    """Payloads by id, and what was rejected."""
    records, _ = by.split(body)
    assert records is not None
    parsed = by.parse(records)
    assert len(parsed.event_ids) + len(parsed.rejected) == len(records)
    return dict(zip(parsed.event_ids, map(bytes, parsed.payloads), strict=True)), parsed.rejected


def reasons(rejected: list[RejectedEvent]) -> list[tuple[int, str, bytes]]:
    return [(one.position, one.reason, one.raw) for one in rejected]
