"""Ids that another stream of the same database has taken: to this one they are not known, and their events not stored.

All streams share one table of events. An id that two APIs give stands for two events, and the table holds the one that
came first; so for the other stream it is neither stored nor rejected. It is counted, it ends a pass as incomplete, it
proves no ground, and under no rule is the row replaced.

Invariant: a row that the stream itself has stored is never taken for another's. Where no other stream has stored
anything nothing is looked up.
"""

from __future__ import annotations

from collections.abc import Collection

from datasync_spider.storage.connect import Connection
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated

# What no id should hold; one that does is taken for the stream's own.
_SEPARATOR = "\x1f"


def other_streams(connection: Connection, stream: str) -> list[str]:
    """Which other streams have stored events in this database."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_other_streams"), {"stream": stream})
        return [name for (name,) in cursor.fetchall()]


def find_shared(connection: Connection, stream: str, event_ids: Collection[str]) -> set[str]:
    """Which of these ids have a row that is another stream's. The transaction goes on."""
    if not event_ids or not other_streams(connection, stream):
        return set()
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("look_up_by_key"))
        ids = {"event_ids": _SEPARATOR.join(sorted(event_ids)), "separator": _SEPARATOR}
        cursor.execute(statement("find_shared"), {"stream": stream, **ids})
        return {event_id for (event_id,) in cursor.fetchall()}
