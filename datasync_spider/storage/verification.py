"""Reads what the books claim and what there is, all as of one instant; what it means is decided elsewhere.

Invariant: one read-only snapshot, so that everything fits together while a crawl goes on; the events are gone through
once, and nothing that is given grows with their number. Faults are counted, and only the first few are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from datasync_spider.storage.connect import Connection, RowCursor, connected
from datasync_spider.storage.deadletters import find_stored
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated

Row = dict[str, Any]

_EXAMPLES = 3
_MOST_DAYS_OR_TYPES = 1_000
# PostgreSQL's two infinite times lie beyond all others.
_INFINITE_US = {"-infinity": -(2**63), "infinity": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Books:
    """The claims of a stream's row and of the runs. ``all_…`` are sums over all streams, which share their events."""

    read_at: datetime
    cursor: str | None
    walk: int
    pass_number: int
    pass_status: str
    pass_expected_total: int | None
    total_ingested: int
    total_rejected: int
    total_filtered: int
    pass_shared: int
    all_ingested: int
    streams: int
    all_inserted: int
    first_started_at: str | None
    open_letters: int
    settled_letters: int
    settled_by_replays: int


@dataclass(frozen=True, slots=True)
class CompleteRun:
    """The last run that called the stream complete, what the API counted then, and what its pass filtered."""

    run_id: int
    expected_total: int | None
    filtered: int


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the feed's order: microseconds since 1970, then the bytes of the id."""

    us: int
    event_id: bytes


@dataclass(frozen=True, slots=True)
class Ends:
    """The oldest and the newest of something; None where nothing has a time."""

    oldest: Mark | None
    newest: Mark | None


@dataclass(frozen=True, slots=True)
class Faults:
    """How many there are, and the first few."""

    count: int
    examples: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Events:
    """The table, counted. ``unbooked`` rows were there before the first run; None is no day, or no type.

    ``booked_ends`` are the watermarks, ``stored_marks`` the ids among them that are in the table.
    """

    rows: int
    unbooked: int
    ends: Ends
    booked_ends: Ends
    stored_marks: frozenset[str]
    spellings: Faults
    days: tuple[tuple[str | None, int], ...]
    types: tuple[tuple[str | None, int], ...]

    @property
    def booked_ids(self) -> set[str]:
        """The ids of the watermarks."""
        marks = (self.booked_ends.oldest, self.booked_ends.newest)
        return {mark.event_id.decode() for mark in marks if mark is not None}


@dataclass(frozen=True, slots=True)
class Ledger:
    """The pages of all runs. ``cut`` runs have lost pages of ended passes, which is allowed."""

    runs: int
    pages: int
    cut: int
    holes: Faults
    sums: Faults
    lines: Faults
    chain: Faults
    last_page: Row | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What one snapshot holds, but for the dead letters themselves."""

    books: Books
    last_complete: CompleteRun | None
    events: Events
    ledger: Ledger


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """A connection whose every read is of the same instant; it cannot write."""
    with connected(database_url) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        _all(connection, "plan_without_sorting", {})
        yield connection


def read_closed_seconds(connection: Connection, stream: str) -> float:
    """How long the API has told us not to ask, from now."""
    rows = _all(connection, "read_closed_seconds", {"stream": stream})
    return float(next(iter(rows[0].values()))) if rows else 0.0


def read_facts(connection: Connection, stream: str) -> Facts | None:
    """None where the stream has never been started."""
    rows = _all(connection, "verify_books", {"stream": stream})
    if not rows:
        return None
    books = Books(**rows[0])
    complete = _all(connection, "verify_last_complete", {"stream": stream})
    return Facts(
        books=books,
        last_complete=CompleteRun(**complete[0]) if complete else None,
        events=_read_events(connection, books.first_started_at),
        ledger=_read_ledger(connection, stream, books.pass_number),
    )


def _read_events(connection: Connection, first_started_at: str | None) -> Events:
    values = {"first_started_at": first_started_at, "limit": _MOST_DAYS_OR_TYPES}
    rows = _all(connection, "verify_events", values)
    (whole,) = [row for row in rows if row["kind"] == "all"]
    (booked,) = _all(connection, "verify_marks", {})
    booked_ends = Ends(*(_mark(booked[f"{end}_us"], booked[f"{end}_id"]) for end in ("oldest", "newest")))
    marks = {booked["oldest_id"], booked["newest_id"]} - {None}
    return Events(
        rows=whole["events"],
        unbooked=whole["unbooked"],
        ends=_read_ends(connection, whole),
        booked_ends=booked_ends,
        stored_marks=frozenset(find_stored(connection, marks)),
        # In a table without a capital there can be no second spelling; no need to look through it once more.
        spellings=_faults(connection, "verify_spellings", {}) if whole["with_capitals"] else Faults(0),
        days=tuple((row["day"], row["events"]) for row in rows if row["kind"] == "day"),
        types=tuple((row["type"], row["events"]) for row in rows if row["kind"] == "type"),
    )


def _read_ends(connection: Connection, whole: Row) -> Ends:
    (ids,) = _all(connection, "verify_ends", {"oldest_at": whole["oldest_at"], "newest_at": whole["newest_at"]})
    us = {end: _INFINITE_US.get(whole[f"{end}_at"], whole[f"{end}_us"]) for end in ("oldest", "newest")}
    return Ends(_mark(us["oldest"], ids["oldest_id"]), _mark(us["newest"], ids["newest_id"]))


def _mark(us: int | None, event_id: str | None) -> Mark | None:
    return None if us is None or event_id is None else Mark(us, event_id.encode())


def _read_ledger(connection: Connection, stream: str, pass_number: int) -> Ledger:
    rows = _all(connection, "verify_ledger", {"stream": stream, "limit": _EXAMPLES})
    first = rows[0] if rows else {"runs": 0, "all_pages": 0, "cut": 0, "with_holes": 0, "not_adding": 0}
    last_page = _all(connection, "verify_last_page", {"stream": stream})
    return Ledger(
        runs=first["runs"],
        pages=first["all_pages"],
        cut=first["cut"],
        holes=Faults(first["with_holes"], tuple(row for row in rows if row["has_holes"])),
        sums=Faults(first["not_adding"], tuple(row for row in rows if row["does_not_add_up"])),
        lines=_faults(connection, "verify_lines", {"stream": stream}),
        chain=_faults(connection, "verify_chain", {"stream": stream, "pass_number": pass_number}),
        last_page=last_page[0] if last_page else None,
    )


def _faults(connection: Connection, name: str, values: Row) -> Faults:
    rows = _all(connection, name, {**values, "limit": _EXAMPLES})
    return Faults(rows[0]["found"], tuple(rows)) if rows else Faults(0)


def _all(connection: Connection, name: str, values: Row) -> list[Row]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement(name), values)
        return [dict(row) for row in cursor.fetchall()]
