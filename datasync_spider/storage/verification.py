"""Reads what the totals claim and what there is, all as of one instant; what it means is decided elsewhere.

Invariant: one read-only snapshot, so that everything fits together while a crawl goes on; the events are gone through
once, and nothing that is given grows with their number. Faults are counted, and only the first few are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.connection import Connection, RowCursor, connected, translated
from datasync_spider.storage.deadletters import find_stored
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.statements import StreamTable, statement

Row = dict[str, Any]

_EXAMPLES = 3
_MOST_DAYS_OR_TYPES = 1_000
# PostgreSQL's two infinite times lie beyond all others.
_INFINITE_US = {"-infinity": -(2**63), "infinity": 2**63 - 1}


class Totals(Struct, frozen=True):
    """The claims of a slice's row and of its runs. ``total_adopted``: rows that another stream has stored there.

    ``pass_since_at``: what the last pass asked from, None for everything. ``pass_window_total``: the API's total of
    that.
    """

    read_at: datetime
    cursor: str | None
    chain: int
    pass_number: int
    pass_status: str
    pass_expected_total: int | None
    pass_since_at: str | None
    pass_window_total: int | None
    total_ingested: int
    total_rejected: int
    total_filtered: int
    total_adopted: int
    all_inserted: int
    first_started_at: str | None
    open_dead_letters: int
    resolved_dead_letters: int
    resolved_by_replays: int


class CompleteRun(Struct, frozen=True):
    """The last run that called the slice complete, what the API counted then, and what its pass filtered."""

    run_id: int
    expected_total: int | None
    filtered: int


class Mark(Struct, frozen=True, order=True):
    """A place in the feed's order: microseconds since 1970, then the bytes of the id."""

    us: int
    event_id: bytes


class Ends(Struct, frozen=True):
    """The oldest and the newest of something; None where nothing has a time."""

    oldest: Mark | None
    newest: Mark | None


class Faults(Struct, frozen=True):
    """How many there are, and the first few."""

    count: int
    examples: tuple[Row, ...] = ()


class Events(Struct, frozen=True):
    """The table, counted. ``unrecorded`` rows were there before the first run; None is no day, or no type.

    ``recorded_ends`` are the watermarks, ``stored_marks`` the ids among them that are in the table.
    """

    rows: int
    unrecorded: int
    ends: Ends
    recorded_ends: Ends
    stored_marks: frozenset[str]
    spellings: Faults
    days: tuple[tuple[str | None, int], ...]
    types: tuple[tuple[str | None, int], ...]

    @property
    def recorded_ids(self) -> set[str]:
        """The ids of the watermarks."""
        marks = (self.recorded_ends.oldest, self.recorded_ends.newest)
        return {mark.event_id.decode() for mark in marks if mark is not None}


class Ledger(Struct, frozen=True):
    """The pages of all runs. ``cut`` runs have lost pages of ended passes, which is allowed."""

    runs: int
    pages: int
    cut: int
    holes: Faults
    sums: Faults
    lines: Faults
    chain: Faults
    last_page: Row | None


class Facts(Struct, frozen=True):
    """What one snapshot holds, but for the dead letters themselves."""

    totals: Totals
    last_complete: CompleteRun | None
    events: Events
    ledger: Ledger


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """A connection whose every read is of the same instant; it cannot write."""
    with connected(database_url) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        yield connection


def read_facts(connection: Connection, slice_: Slice) -> Facts:
    """Raises StorageRefused where the slice has been dropped meanwhile."""
    key = {"slice_id": slice_.slice_id}
    rows = _all(connection, "verify_totals", key)
    if not rows:
        raise StorageRefused(f"stream {slice_} has been dropped meanwhile")
    totals = Totals(**rows[0])
    complete = _all(connection, "verify_last_complete", key)
    return Facts(
        totals=totals,
        last_complete=CompleteRun(**complete[0]) if complete else None,
        events=_read_events(connection, slice_, totals.first_started_at),
        ledger=_read_ledger(connection, key, totals.pass_number),
    )


def _read_events(connection: Connection, slice_: Slice, first_started_at: str | None) -> Events:
    values = {"first_started_at": first_started_at, "limit": _MOST_DAYS_OR_TYPES}
    table = slice_.table
    _all(connection, "plan_without_sorting", {})
    rows = _all(connection, "verify_events", values, table)
    _all(connection, "plan_with_sorting", {})
    (whole,) = [row for row in rows if row["kind"] == "all"]
    (recorded,) = _all(connection, "verify_marks", {"slice_id": slice_.slice_id})
    recorded_ends = Ends(*(_mark(recorded[f"{end}_us"], recorded[f"{end}_id"]) for end in ("oldest", "newest")))
    marks = {recorded["oldest_id"], recorded["newest_id"]} - {None}
    return Events(
        rows=whole["events"],
        unrecorded=whole["unbooked"] + _replaced_unrecorded(connection, table, values),
        ends=_read_ends(connection, table, whole),
        recorded_ends=recorded_ends,
        stored_marks=frozenset(find_stored(connection, slice_, marks)),
        # In a table without a capital there can be no second spelling; no need to look through it once more.
        spellings=_faults(connection, "verify_spellings", {}, table) if whole["with_capitals"] else Faults(0),
        days=tuple((row["day"], row["events"]) for row in rows if row["kind"] == "day"),
        types=tuple((row["type"], row["events"]) for row in rows if row["kind"] == "type"),
    )


def _replaced_unrecorded(connection: Connection, table: StreamTable, values: Row) -> int:
    """Rows that were there before the first run, whose versions of then are in the history."""
    if table.history is None:
        return 0
    return int(_all(connection, "verify_replaced", values, table)[0]["unbooked"])


def _read_ends(connection: Connection, table: StreamTable, whole: Row) -> Ends:
    at = {"oldest_at": whole["oldest_at"], "newest_at": whole["newest_at"]}
    (ids,) = _all(connection, "verify_ends", at, table)
    us = {end: _INFINITE_US.get(whole[f"{end}_at"], whole[f"{end}_us"]) for end in ("oldest", "newest")}
    return Ends(_mark(us["oldest"], ids["oldest_id"]), _mark(us["newest"], ids["newest_id"]))


def _mark(us: int | None, event_id: str | None) -> Mark | None:
    return None if us is None or event_id is None else Mark(us, event_id.encode())


def _read_ledger(connection: Connection, key: Row, pass_number: int) -> Ledger:
    rows = _all(connection, "verify_ledger", {**key, "limit": _EXAMPLES})
    first = rows[0] if rows else {"runs": 0, "all_pages": 0, "cut": 0, "with_holes": 0, "not_adding": 0}
    last_page = _all(connection, "verify_last_page", key)
    return Ledger(
        runs=first["runs"],
        pages=first["all_pages"],
        cut=first["cut"],
        holes=Faults(first["with_holes"], tuple(row for row in rows if row["has_holes"])),
        sums=Faults(first["not_adding"], tuple(row for row in rows if row["does_not_add_up"])),
        lines=_faults(connection, "verify_lines", key),
        chain=_faults(connection, "verify_chain", {**key, "pass_number": pass_number}),
        last_page=last_page[0] if last_page else None,
    )


def _faults(connection: Connection, name: str, values: Row, table: StreamTable | None = None) -> Faults:
    rows = _all(connection, name, {**values, "limit": _EXAMPLES}, table)
    return Faults(rows[0]["found"], tuple(rows)) if rows else Faults(0)


def _all(connection: Connection, name: str, values: Row, table: StreamTable | None = None) -> list[Row]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(table.statement(name) if table else statement(name), values)
        return [dict(row) for row in cursor.fetchall()]
