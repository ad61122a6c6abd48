"""Machines that sync, as lines of a list, and the drivers of fleets that are at work.

Invariant: a page of machines is one statement, and what it gives is bounded by its limit. A driver that dies is not
shown any more when it has not been seen for a minute.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from datasync_spider.observe.states import MACHINE_STATES
from datasync_spider.storage.connection import IDLE_TIMEOUT_MS, Connection, RowCursor, limit_transaction, translated
from datasync_spider.storage.statements import statement

Row = dict[str, Any]

NOTED_EVERY_SECONDS = 15.0
"""How often a driver says that it is there."""

_SEEN_SECONDS = 4 * NOTED_EVERY_SECONDS
_MOST_FLEETS = 20


class Machines(Struct, frozen=True):
    """``whole``: one row of all machines, be they listed or not."""

    whole: Row
    lines: list[Row]


class Fleet(Struct, frozen=True):
    """A driver. ``places``: how many bundles its workers have room for. ``dashboard_url``: of Dask's own page."""

    driver: str
    host: str
    places: int
    dashboard_url: str | None


def read_machines(connection: Connection, *, after: int, limit: int) -> Machines:
    """Those behind the first ``after`` ones; the ones that someone should look at come first."""
    values = {"states": list(MACHINE_STATES), "after": after, "limit": limit}
    whole, *lines = _all(connection, "read_machines", values)
    return Machines(whole, lines)


def read_fleets(connection: Connection) -> list[Row]:
    """Of each driver what :class:`Fleet` says, and when it was seen."""
    return _all(connection, "read_fleets", {"seconds": _SEEN_SECONDS, "limit": _MOST_FLEETS})


def note_fleet(connection: Connection, fleet: Fleet) -> None:
    """It is at work; to be said again every ``NOTED_EVERY_SECONDS``."""
    _change(connection, "note_fleet", {name: getattr(fleet, name) for name in fleet.__struct_fields__})


def forget_fleet(connection: Connection, driver: str) -> None:
    """It has ended."""
    _change(connection, "forget_fleets", {"driver": driver})


def _all(connection: Connection, name: str, values: Row) -> list[Row]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement(name), values)
        return [dict(row) for row in cursor.fetchall()]


def _change(connection: Connection, name: str, values: Row) -> None:
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement(name), values)
        connection.commit()
