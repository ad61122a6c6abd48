"""The ledger's rows of a batch, a page each, as the bytes that COPY takes in its binary format.

COPY, because a batch of small pages has hundreds of them: as parameters of an INSERT they had been a fifteenth of all
that a request of 100 events costs (docs/understand/performance.md).
The format is PostgreSQL's documentation of COPY, "Binary Format".

Invariant: columns stand in the order of the statement ``copy_pages``, in the types of ``ingestion_pages``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from msgspec import Struct

from datasync_spider.storage.batch import Batch, PreparedPage, Watermark
from datasync_spider.storage.rows import HEADER, POSTGRES_EPOCH_US, TRAILER
from datasync_spider.storage.runs import OpenRun

_COLUMNS = struct.pack("!h", 23)
_NULL = struct.pack("!i", -1)
_LENGTH = struct.Struct("!i")
_INTEGER = struct.Struct("!ii")
_BIGINT = struct.Struct("!iq")
_MICROSECONDS = 1_000_000


class PageCounts(Struct):
    """What became of a page's events."""

    events: int
    inserted: int
    duplicates: int
    rejected: int
    filtered: int


def ledger_stream(run: OpenRun, batch: Batch, counts: Mapping[int, PageCounts], write_seconds: float) -> bytes:
    """One COPY of the batch's rows. ``counts`` are reported by page number."""
    rows = (_row(run, batch, page, counts[page.page.number], write_seconds) for page in batch.pages)
    return b"".join((HEADER, *rows, TRAILER))


def _row(run: OpenRun, batch: Batch, prepared: PreparedPage, counts: PageCounts, write_seconds: float) -> bytes:
    page = prepared.page
    return b"".join(
        (
            _COLUMNS,
            _bigint(run.run_id),
            _bigint(page.number),
            _bigint(run.slice.slice_id),
            _text(run.slice.stream),
            _bigint(run.resume.pass_number),
            _integer(page.chain),
            _bigint(batch.number),
            _text(page.cursor),
            _text(page.next_cursor),
            _text(page.request_id),
            _integer(counts.events),
            _integer(counts.inserted),
            _integer(counts.duplicates),
            _integer(counts.rejected),
            _integer(counts.filtered),
            _bigint(page.body_bytes),
            _integer(page.attempts),
            _bigint(page.waited_ms),
            _integer(page.fetch_ms),
            _integer(round(write_seconds * 1_000)),
            _time(prepared.newest),
            _time(prepared.oldest),
            _bigint(round(page.fetched_at * _MICROSECONDS) - POSTGRES_EPOCH_US),
        )
    )


def _integer(value: int) -> bytes:
    return _INTEGER.pack(4, value)


def _bigint(value: int) -> bytes:
    return _BIGINT.pack(8, value)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    text = value.encode()
    return _LENGTH.pack(len(text)) + text


def _time(watermark: Watermark | None) -> bytes:
    return _NULL if watermark is None else _bigint(watermark.occurred_at_us - POSTGRES_EPOCH_US)
