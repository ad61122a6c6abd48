"""Writes dead letters: the raw bytes of events that cannot be stored, each once.

Invariant: reading a page again adds nothing. Two events of one page with the very same bytes are twins and both are
kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from psycopg2.extras import execute_values

from datasync_spider.api.event import RejectedEvent
from datasync_spider.storage.batch import Batch
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.quarantine import RefusedRow
from datasync_spider.storage.sql import statement

_PAGE_SIZE_ROWS = 500


class KeptLetters(NamedTuple):
    """``newly``: how many were not kept before. ``new_pages``: those that brought one whose bytes were new."""

    newly: int
    new_pages: frozenset[int]


def digest(raw: bytes) -> bytes:
    """What identifies a dead letter: its content, since it has no usable id."""
    return hashlib.sha256(raw).digest()


def insert_rejected(
    connection: Connection, stream: str, run_id: int, batch: Batch, refused: dict[int, list[RefusedRow]]
) -> KeptLetters:
    """Keeps the batch's unusable events."""
    rows = list(_rows(stream, run_id, batch, refused))
    if not rows:
        return KeptLetters(0, frozenset())
    with connection.cursor() as cursor:
        kept = execute_values(cursor, statement("insert_rejected"), rows, page_size=_PAGE_SIZE_ROWS, fetch=True)
    return KeptLetters(len(kept), frozenset(page_number for page_number, twin in kept if twin == 1))


def _rows(
    stream: str, run_id: int, batch: Batch, refused: dict[int, list[RefusedRow]]
) -> Iterator[tuple[str, int, int, int, str, str | None, bytes, bytes, int]]:
    for prepared in batch.pages:
        number = prepared.page.number
        twins: Counter[bytes] = Counter()
        unusable = [
            *prepared.rejected,
            # A refused row's place in the page is not known any more; its bytes tell what it was.
            *(RejectedEvent(-1, row.reason, row.event.payload, row.detail) for row in refused.get(number, [])),
        ]
        for event in unusable:
            key = digest(event.raw)
            twins[key] += 1
            yield stream, run_id, number, event.position, event.reason, event.detail, event.raw, key, twins[key]
