"""The registry of columns: what is known of a stream and of a run, under which name, and how it is shown. Pure.

Invariant: a key is a column of the view, which a test compares, or it is shown nowhere. Every face goes through these
rows, so that a column which stands here is on all of them. What a face makes of several columns, such as the share that
is done, does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct


class Column(Struct, frozen=True):
    """``label`` heads a column, ``one`` and ``many`` name the value in a sentence: ``1 page``, ``2 pages``.

    ``is_quiet``: where it is 0, sentences and tables leave it out. ``in_tables``, ``in_text``: else it is for the page
    of one run, programs and metrics alone. ``part`` of a sentence: what was received, what became of it, what it cost.
    ``metric`` is the counter of a running crawl, ``outcome`` the label of the events that it counts by. ``over``: what
    is said of several slices together; ``only``: the one that all have that have any.
    """

    key: str
    label: str
    one: str
    many: str
    unit: str
    help: str
    format: Literal["count", "bytes", "seconds", "instant", "text"] = "count"
    part: Literal["received", "became", "cost"] = "became"
    is_quiet: bool = False
    in_tables: bool = True
    in_text: bool = True
    metric: str = ""
    outcome: str = ""
    over: Literal["sum", "max", "min", "only"] = "sum"


STREAM = (
    Column("total_ingested", "Stored", "stored", "stored", "records", "Records that all runs have added to the table."),
    Column(
        "total_rejected", "Rejected", "rejected", "rejected", "records", "Dead letters that have not been resolved yet."
    ),
    Column(
        "total_filtered",
        "Filtered",
        "filtered",
        "filtered",
        "records",
        "Records of this pass that an item pipeline of yours left out.",
        is_quiet=True,
    ),
    Column(
        "total_unseen",
        "Deleted",
        "marked as deleted",
        "marked as deleted",
        "records",
        "Stored records that are marked as deleted, since a full sync has not met them.",
        is_quiet=True,
    ),
    Column(
        "drifted",
        "Fields changed",
        "field changed",
        "fields changed",
        "fields",
        "Fields that have appeared, vanished or changed their type, and that no one has accepted yet.",
        is_quiet=True,
    ),
    Column(
        "late_seconds",
        "Late",
        "late",
        "late",
        "seconds",
        "How long a sync has been due that has not begun.",
        "seconds",
        is_quiet=True,
        over="max",
    ),
)
LINE = (
    Column(
        "lag_seconds",
        "Lag",
        "behind now",
        "behind now",
        "seconds",
        "How old the newest stored record is; of several slices the largest.",
        "seconds",
        over="max",
    ),
    Column(
        "late_seconds",
        "Late",
        "late",
        "late",
        "seconds",
        "How long a sync has been due that has not begun; of several slices the longest.",
        "seconds",
        is_quiet=True,
        over="max",
    ),
    Column(
        "completed_at",
        "Last success",
        "since it was complete",
        "since it was complete",
        "time",
        "When the last complete sync ended; of several slices the one longest ago.",
        "instant",
        over="min",
    ),
    Column("new_records", "New", "new", "new", "records", "Records that the last sync has added."),
    Column(
        "failures",
        "Failures",
        "failure in a row",
        "failures in a row",
        "syncs",
        "Syncs in a row that have failed; of several slices the most.",
        is_quiet=True,
        over="max",
    ),
    Column(
        "due_at",
        "Next due",
        "until it is due",
        "until it is due",
        "time",
        "When the next sync is due; of several slices the first.",
        "instant",
        over="min",
    ),
    Column(
        "machine",
        "Machine",
        "",
        "",
        "name",
        "The host, and of a fleet the worker, that has it under way; of several slices the one of all, or `several`.",
        "text",
        is_quiet=True,
        over="only",
    ),
)
MACHINE = (
    Column("held", "Slices", "slice under way", "slices under way", "slices", "Slices whose leases it holds."),
    Column("syncs", "Syncs", "sync", "syncs", "syncs", "Syncs that it has ended within the last hour."),
    Column("new_records", "New", "new", "new", "records", "Records that these have added."),
    Column(
        "lost",
        "Lost",
        "lost",
        "lost",
        "syncs",
        "Syncs of its that others had to take over within the last hour.",
        is_quiet=True,
    ),
    Column(
        "heard_at",
        "Last heard",
        "since it was heard",
        "since it was heard",
        "time",
        "When it renewed a lease, committed or ended a sync last.",
        "instant",
        over="max",
    ),
)
RUN = (
    Column(
        "pages",
        "Pages",
        "page",
        "pages",
        "pages",
        "Pages that are committed.",
        part="received",
        metric="datasync_pages_committed",
    ),
    Column(
        "events",
        "Events",
        "event",
        "events",
        "records",
        "Records on the committed pages.",
        part="received",
        in_tables=False,
    ),
    Column("bytes", "Received", "", "", "bytes", "Bodies of these pages.", "bytes", "received", False, False, False),
    Column("inserted", "Stored", "inserted", "inserted", "records", "Records that were new.", outcome="inserted"),
    Column(
        "duplicates",
        "Duplicates",
        "duplicate",
        "duplicates",
        "records",
        "Records that were stored already, or came twice.",
        outcome="duplicate",
    ),
    Column(
        "conflicts",
        "Conflicts",
        "conflict",
        "conflicts",
        "records",
        "Versions that were put aside in event_conflicts; they are duplicates as well.",
        is_quiet=True,
        metric="datasync_conflicts",
    ),
    Column(
        "rejected", "Rejected", "rejected", "rejected", "records", "Records that were rejected.", outcome="rejected"
    ),
    Column(
        "filtered",
        "Filtered",
        "filtered",
        "filtered",
        "records",
        "Records that an item pipeline of yours left out.",
        is_quiet=True,
        outcome="filtered",
    ),
    Column(
        "drifted",
        "Fields changed",
        "field changed",
        "fields changed",
        "fields",
        "Fields that have appeared, vanished or changed their type.",
        is_quiet=True,
        metric="datasync_fields_changed",
    ),
    Column(
        "retries",
        "Retries",
        "retry",
        "retries",
        "requests",
        "Requests that were made again.",
        "count",
        "cost",
        False,
        False,
    ),
    Column(
        "waited_seconds",
        "Waited",
        "waited",
        "waited",
        "seconds",
        "Deliberate pauses: rate window, 429, backoff.",
        "seconds",
        "cost",
        True,
        False,
    ),
)


def values(columns: Iterable[Column], row: Mapping[str, Any]) -> dict[str, Any]:
    """What the row says under these keys, for programs."""
    return {column.key: row[column.key] for column in columns}


def words(columns: Iterable[Column], row: Mapping[str, Any]) -> list[str]:
    """``12 pages``, ``3 rejected``: one for each column that the row has and that has something to say."""
    return [
        phrase(column, row[column.key])
        for column in columns
        if column.in_text and column.key in row and (row[column.key] or not column.is_quiet)
    ]


def phrase(column: Column, value: Any) -> str:
    """The value with its name, as a sentence has it."""
    return f"{text(column, value)} {column.one if value == 1 and column.format == 'count' else column.many}"


def text(column: Column, value: Any) -> str:
    """The value alone, as a table has it."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}"
    return duration(value) if column.format == "seconds" else f"{value:,}"


def sentence(row: Mapping[str, Any]) -> str:
    """A run in one line: what it has received, what became of that, what it cost."""
    received, became, cost = (", ".join(words(of_part(part), row)) for part in ("received", "became", "cost"))
    return f"{received}: {became}; {cost}"


def of_part(part: str) -> tuple[Column, ...]:
    """Of the columns of a run."""
    return tuple(column for column in RUN if column.part == part)


def shown(columns: Iterable[Column], rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The columns of a table with these rows: a quiet one only where it says something."""
    known = list(rows)
    return [c for c in columns if c.in_tables and (not c.is_quiet or any(row.get(c.key) for row in known))]


def duration(seconds: float) -> str:
    """``23 s``, ``4 min 12 s``, ``2 h 05 min``, ``3 d 4 h``: two units at most, never negative."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
