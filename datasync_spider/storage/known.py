"""Asks whether a page is ground that an earlier pass has proven.

Invariant: only what was stored before this pass began counts. What this pass stored itself proves nothing about what
lies behind it: after a crash in an incremental pass the pages at the head are known, and the ones behind them may not
be. Nor does a record without an id:
new ones may have the very same bytes.
"""

from __future__ import annotations

from datetime import datetime

from datasync_spider.api.scrutiny import readable_id
from datasync_spider.items import EventPage
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.rejections import digest
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated


def is_known_entirely(connection: Connection, slice_: Slice, page: EventPage, before: datetime) -> bool:
    """Whether every event of the page, stored or rejected, was there before the instant ``before``.

    A page without a single record that has an id proves nothing, and is no reason to stop: False.
    """
    columns = page.columns()
    event_ids = set(columns.event_ids)
    if not event_ids and all(readable_id(event.raw) is None for event in columns.rejected):
        return False
    digests = {digest(event.raw) for event in columns.rejected}
    with translated(), connection.cursor() as cursor:
        ids = {"event_ids": list(event_ids), "before": before}
        cursor.execute(slice_.table.statement("count_known"), ids)
        counted = cursor.fetchone()
        if _count(counted) < len(event_ids):
            # What PostgreSQL refused has an id but lives among the rejected. One event may have been refused in
            # several versions, or beside a stored one, so that their number says nothing of the others.
            cursor.execute(slice_.table.statement("find_known_before"), ids)
            unknown = event_ids - {event_id for (event_id,) in cursor.fetchall()}
            pairs = zip(columns.event_ids, columns.payloads, strict=True)
            digests |= {digest(payload) for event_id, payload in pairs if event_id in unknown}
        known_rejected = 0
        if digests:
            rejected = {"slice_id": slice_.slice_id, "digests": list(digests), "before": before}
            cursor.execute(statement("count_known_rejected"), rejected)
            known_rejected = _count(cursor.fetchone())
        connection.rollback()
    return known_rejected == len(digests)


def count_stored(connection: Connection, slice_: Slice) -> int:
    """The slice's rows, whoever has stored them. The table is read as a whole, so not to be asked often."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(slice_.table.statement("count_stored"))
        rows = _count(cursor.fetchone())
        connection.rollback()
    return rows


def _count(row: tuple[int] | tuple[object, ...] | None) -> int:
    return int(str(row[0])) if row else 0
