"""Looks at what a stream has stored, and keeps its view up with it.

Invariant: a crawl adds columns to a view, and never changes what is there. What it costs does not grow with the table:
some records of a table that has no view yet, some of the newest ones of any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from datasync_spider.sources.columns import Column, Type, record_of
from datasync_spider.sources.fields import Fields
from datasync_spider.sources.paths import Path
from datasync_spider.sources.viewcolumns import plan_view
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.samples import Payload, read_newest, read_spread
from datasync_spider.storage.views import Applied, StreamView, find_view, update_view

FIRST_ROWS: Final = 2_000
"""So many records a crawl looks at to make a view."""
NEWEST_ROWS: Final = 500
"""So many of the newest ones it looks at to add to one."""
_STATEMENT_TIMEOUT_MS = 5_000


def look_at(payloads: Iterable[Payload], view: StreamView, declared: Sequence[Column]) -> Fields:
    """What the records hold, beside what the view has and the source declares of them."""
    columns: dict[Path, Type | None] = {column.path: column.type for column in declared}
    columns |= {column.path: column.type for column in view.known}
    fields = Fields(columns)
    for payload in payloads:
        fields.add(record_of(payload.text), payload.ingested_at)
    return fields


def keep_up(connection: Connection, stream: str, declared: Sequence[Column], *, has_new: bool) -> Applied | None:
    """Makes the view where there is none, and adds what is missing where the run has stored anything.

    None where the stream has no table, or nothing was looked at. Raises as
    :func:`datasync_spider.storage.views.update_view` does.
    """
    view = find_view(connection, stream)
    if view is None or (view.existing is not None and not has_new):
        return None
    connection.begin(statement_timeout_ms=_STATEMENT_TIMEOUT_MS)
    is_new = view.existing is None
    payloads = (
        read_spread(connection, view.table, FIRST_ROWS) if is_new else read_newest(connection, view.table, NEWEST_ROWS)
    )
    fields = look_at(payloads, view, declared)
    connection.rollback()
    return update_view(connection, stream, lambda seen: plan_view(seen.known, declared, fields, may_retype=False))
