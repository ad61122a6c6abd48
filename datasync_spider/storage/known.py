"""Asks whether a page is ground that an earlier pass has proven.

Invariant: only what was stored before this pass began counts. What this pass stored itself proves nothing about what
lies behind it: after a crash in an incremental pass the pages at the head are known, and the ones behind them may not
be.
"""

from __future__ import annotations

from datetime import datetime

from datasync_spider.items import EventPage
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.rejections import digest
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated


def is_known_entirely(connection: Connection, stream: str, page: EventPage, before: datetime) -> bool:
    """Whether every event of the page, stored or rejected, was there before the instant ``before``.

    A page without a single event is known to be nothing, which is no reason to stop: False.
    """
    columns = page.columns()
    event_ids = list(set(columns.event_ids))
    rejected = {digest(event.raw) for event in columns.rejected}
    digests = list(rejected)
    if not event_ids and not digests:
        return False
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("count_known"), {"event_ids": event_ids, "before": before})
        known = _count(cursor.fetchone())
        # What PostgreSQL refused has an id but lives among the rejected, so the ids found may fall short by those.
        if known < len(event_ids):
            digests += map(digest, columns.payloads)
        if digests:
            cursor.execute(statement("count_known_rejected"), {"stream": stream, "digests": digests, "before": before})
            known_rejected = _count(cursor.fetchone())
        else:
            known_rejected = 0
        connection.rollback()
    return known + known_rejected >= len(event_ids) + len(rejected)


def _count(row: tuple[int] | tuple[object, ...] | None) -> int:
    return int(str(row[0])) if row else 0
