"""The columns of a stream's view and what is stored in them, as a table for people and as one JSON object. Pure.

Invariant: nothing that an API sent reaches a terminal as it is, and of what is masked no example is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from datasync_spider.observe.display import visible
from datasync_spider.sources.columns import Column, is_masked
from datasync_spider.sources.fields import Field, Fields
from datasync_spider.sources.viewcolumns import ViewColumn, ViewPlan
from datasync_spider.storage.views import Applied, StreamView

MASK = "***"
_HEAD = ("column", "type", "null", "do not fit", "first seen", "last seen", "path", "examples")
_RIGHT = (2, 3)
_LISTED = 5


class Seen(Struct, frozen=True):
    """``rows``: about how many records the table has; None where no one has counted. ``is_all``: all were looked at."""

    view: StreamView
    plan: ViewPlan
    fields: Fields
    rows: int | None
    is_all: bool
    declared: Sequence[Column] = ()

    @property
    def masked(self) -> list[Any]:
        return [column.path for column in self.declared if column.is_masked]


def as_lines(seen: Seen, program: str) -> list[str]:
    """What was looked at, a line for each column, and what a person should know. ``program``: what was typed."""
    cells = [_HEAD, *(_cells(seen, column) for column in seen.plan.columns)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(_HEAD))]
    table = [
        "  ".join(c.rjust(w) if n in _RIGHT else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    ]
    head = [_headline(seen, program), _looked_at(seen)]
    body = ["", *(line.rstrip() for line in table)] if seen.plan.columns else ["nothing is stored that a column holds"]
    notes = notes_of(seen)
    return [*head, *body, *(["", *(f"note: {note}" for note in notes)] if notes else [])]


def as_report(seen: Seen) -> dict[str, Any]:
    """For programs. ``null_share`` None: nothing was looked at."""
    return {
        "stream": seen.view.stream,
        "schema": seen.view.schema,
        "table": seen.view.table.name,
        "view": seen.view.name,
        "is_made": seen.view.existing is not None,
        "records": seen.fields.records,
        "of_about": seen.rows,
        "columns": [_column(seen, column) for column in seen.plan.columns],
        "notes": notes_of(seen),
    }


def applied_lines(applied: Applied) -> list[str]:
    """What has become of the view."""
    view = visible(str(applied.view))
    if not applied.plan.columns:
        lines = [f"the view {view} was not made: nothing is stored that a column holds"]
    elif applied.is_new:
        lines = [f"made the view {view} with {len(applied.added)} typed columns"]
    else:
        lines = [f"the view {view} has new columns: {', '.join(map(visible, applied.added))}"] if applied.added else []
        lines += (
            [f"changed types in the view {view}: {', '.join(map(visible, applied.retyped))}"] if applied.retyped else []
        )
        lines = lines or [f"the view {view} is as it is to be"]
    if applied.kept is not None:
        names = ", ".join(map(visible, applied.plan.retyped))
        lines.append(f"types stay as they are, since something depends on the view ({names}): {visible(applied.kept)}")
    return [*lines, *(f"note: {visible(note)}" for note in applied.plan.notes)]


def notes_of(seen: Seen) -> list[str]:
    """What a person should know besides."""
    notes = [*seen.plan.notes]
    empty = [str(found.path) for found in seen.fields if found.kind is None]
    if empty:
        more = f" and {len(empty) - _LISTED:,} more" if len(empty) > _LISTED else ""
        notes.append(f"nothing but null is stored in {', '.join(empty[:_LISTED])}{more}: no column is made of that")
    if seen.fields.is_cut:
        notes.append("the records have more fields than are counted")
    return [visible(note) for note in notes]


def _headline(seen: Seen, program: str) -> str:
    view = seen.view
    is_made = "" if view.existing is not None else f", not made yet: {program} schema {view.stream} --apply makes it"
    return visible(f"stream {view.stream}: table {view.schema}.{view.table.name}, view {view}{is_made}")


def _looked_at(seen: Seen) -> str:
    looked_at = seen.fields.records
    if seen.is_all:
        return f"looked at all {looked_at:,} records"
    of_about = f" of about {seen.rows:,}" if seen.rows is not None and seen.rows > looked_at else ""
    return f"looked at {looked_at:,}{of_about} records; --rows 0 looks at all"


def _cells(seen: Seen, column: ViewColumn) -> tuple[str, ...]:
    found = seen.fields.get(column.path)
    share = _null_share(seen, found)
    return (
        visible(column.name),
        column.type,
        "" if share is None else f"{share:.1%}",
        f"{found.misfits:,}" if found is not None else "0",
        _time(found.first if found else None),
        _time(found.last if found else None),
        visible(str(column.path)),
        ", ".join(_examples(seen, column, found)),
    )


def _column(seen: Seen, column: ViewColumn) -> dict[str, Any]:
    found = seen.fields.get(column.path)
    return {
        "name": column.name,
        "path": str(column.path),
        "type": column.type,
        "null_share": _null_share(seen, found),
        "misfits": found.misfits if found else 0,
        "first_seen": found.first.isoformat() if found and found.first else None,
        "last_seen": found.last.isoformat() if found and found.last else None,
        "examples": _examples(seen, column, found),
    }


def _null_share(seen: Seen, found: Field | None) -> float | None:
    """Of all records, those in which nothing is there, or null."""
    if not seen.fields.records:
        return None
    return 1 - ((found.present - found.nulls) / seen.fields.records if found else 0)


def _examples(seen: Seen, column: ViewColumn, found: Field | None) -> list[str]:
    if found is None or not found.examples:
        return []
    return [MASK] if is_masked(column.path, seen.masked) else [visible(text) for text in found.examples]


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}" if time else ""
