"""Messages that are to be delivered: written with the change that they report, in its transaction.

States of one, and what a crash in each leaves:

written    it is there if the change is; the process that takes messages next delivers it
taken      for a while no one else is given it. A process that dies lets that time run out, and it is delivered again
delivered  its row is gone. Between the receiver's word and this commit a crash has it delivered once more, under the
           same id

Invariant: what is reported is reported at least once, or given up after ``MOST_ATTEMPTS``; nothing of a record is in
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg2.extras import Json

from datasync_spider.storage.connection import IDLE_TIMEOUT_MS, Connection, RowCursor, limit_transaction, translated
from datasync_spider.storage.statements import statement

FAILED: Final = "failed"
RECOVERED: Final = "recovered"
LATE: Final = "late"

MOST_ATTEMPTS = 10
"""After the last one, an hour and more after the first, no one tries any more."""

_TAKEN_SECONDS = 30.0


class Notice(Struct, frozen=True):
    """``attempts``: with the one that it was taken for."""

    notice_id: str
    kind: str
    source: str
    stream: str
    slice: str
    facts: Mapping[str, Any]
    made_at: datetime
    attempts: int


def insert_notice(cursor: Any, kind: str, key: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """The caller commits."""
    cursor.execute(statement("insert_notice"), {"kind": kind, **key, "facts": Json(facts)})


def take_notices(connection: Connection, limit: int) -> list[Notice]:
    """At most so many that are to be delivered now, the oldest first."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("take_notices"), {"limit": limit, "seconds": _TAKEN_SECONDS})
        found = [Notice(**row) for row in cursor.fetchall()]
        connection.commit()
    return sorted(found, key=lambda notice: (notice.made_at, notice.notice_id))


def notice_delivered(connection: Connection, notice: Notice) -> None:
    """Or given up: it is not heard of again."""
    _change(connection, "delete_notice", {"notice_id": notice.notice_id})


def notice_refused(connection: Connection, notice: Notice, pause_seconds: float) -> None:
    """It is tried again, by any process, after a pause."""
    _change(connection, "postpone_notice", {"notice_id": notice.notice_id, "seconds": pause_seconds})


def _change(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement(name), values)
        connection.commit()
