"""Asks whether a page is ground that an earlier pass has proven.

Invariant: only what was stored before this pass began counts, and before any backfill since the last one began
(``ResumePoint.known_before``). What this pass stored itself proves nothing about what lies behind it: after a crash in
an incremental pass the pages at the head are known, and the ones behind them may not be. Neither does what a backfill
stored, until a pass has gone past it. Nor does a record without an id: new ones may have the very same bytes. Of a
mutable stream only what was stored in the very version that the page has, or in a later one, counts: a row whose
version this pass has replaced says so by its ``ingested_at``.
"""

from __future__ import annotations

from datetime import datetime

from datasync_spider.errors import RowsRejected
from datasync_spider.items import EventPage
from datasync_spider.records.event import ParsedEvents
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.quarantine import stage_rows
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.rejections import digest
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.statements import statement


def is_known_entirely(connection: Connection, slice_: Slice, page: EventPage, before: datetime) -> bool:
    """Whether every event of the page, stored or rejected, was there before the instant ``before``.

    In a mutable stream in this version or a later one. A page without a single record that has an id proves nothing,
    and is no reason to stop: False. Notes on the page where all of it is stored just so, which spares the writer the
    comparison: no one but the run that asks changes what it has looked at.
    """
    columns = page.columns()
    if not columns.event_ids and all(event.event_id is None for event in columns.rejected):
        return False
    digests = {digest(event.raw) for event in columns.rejected}
    with translated(), connection.cursor() as cursor:
        # What PostgreSQL refused has an id but lives among the rejected.
        unproven = _unstored if slice_.table.versions is None else _without_such_version
        digests |= unproven(connection, slice_, columns, before)
        known_rejected = 0
        if digests:
            rejected = {"slice_id": slice_.slice_id, "digests": list(digests), "before": before}
            cursor.execute(statement("count_known_rejected"), rejected)
            known_rejected = _count(cursor.fetchone())
        is_known = known_rejected == len(digests)
        if is_known and not columns.rejected and slice_.table.versions is None:
            page.is_stored = _are_stored(connection, slice_, columns, before)
        connection.rollback()
    return is_known


def _are_stored(connection: Connection, slice_: Slice, columns: ParsedEvents, before: datetime) -> bool:
    """Whether each of the events is stored with this content. The transaction may be over by that."""
    payloads = b"[%b]" % b",".join(columns.payloads)
    given = {"event_ids": columns.event_ids, "payloads": payloads.decode(), "before": before}
    with connection.cursor() as cursor:
        try:
            with translated():
                cursor.execute(slice_.table.statement("count_same"), given)
        except RowsRejected:
            # What PostgreSQL refuses, be it for a value or for its size, is no row.
            return False
        return _count(cursor.fetchone()) == len(columns.event_ids)


def _unstored(connection: Connection, slice_: Slice, columns: ParsedEvents, before: datetime) -> set[bytes]:
    """Digests of the events whose ids were not stored before."""
    event_ids = set(columns.event_ids)
    with connection.cursor() as cursor:
        ids = {"event_ids": list(event_ids), "before": before}
        cursor.execute(slice_.table.statement("count_known"), ids)
        if _count(cursor.fetchone()) == len(event_ids):
            return set()
        # One event may have been refused in several versions, or beside a stored one, so that their number says
        # nothing of the others.
        cursor.execute(slice_.table.statement("find_known_before"), ids)
        return _digests(columns, event_ids - {event_id for (event_id,) in cursor.fetchall()})


def _without_such_version(connection: Connection, slice_: Slice, columns: ParsedEvents, before: datetime) -> set[bytes]:
    """Digests of the versions that were not stored before, neither they nor later ones."""
    if not columns.event_ids:
        return set()
    table = slice_.table
    with connection.cursor() as cursor:
        cursor.execute(statement("create_staging"))
        refused = stage_rows(connection, Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads))
        cursor.execute(statement("look_up_by_key"))
        cursor.execute(table.statement("find_unproven"), {"before": before, **table.version_values})
        unproven = {event_id for (event_id,) in cursor.fetchall()}
    return _digests(columns, unproven) | {digest(row.event.payload) for row in refused}


def _digests(columns: ParsedEvents, event_ids: set[str]) -> set[bytes]:
    pairs = zip(columns.event_ids, columns.payloads, strict=True)
    return {digest(payload) for event_id, payload in pairs if event_id in event_ids}


def count_stored(connection: Connection, slice_: Slice) -> int:
    """The slice's rows, whoever has stored them. The table is read as a whole, so not to be asked often."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(slice_.table.statement("count_stored"))
        rows = _count(cursor.fetchone())
        connection.rollback()
    return rows


def _count(row: tuple[int] | tuple[object, ...] | None) -> int:
    return int(str(row[0])) if row else 0
