"""A source, a stream or a slice as a line of a list, and what all of them come to. Pure.

Invariant: a line's size is bounded, whatever is in it; so is a page's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from datasync_spider.faces.dashboard.visible import line, slice_view
from datasync_spider.observe.columns import LINE, values
from datasync_spider.observe.states import STATES
from datasync_spider.storage.dashboard import Row
from datasync_spider.storage.lines import Lines

OVER = {column.key: column.over for column in LINE}
"""How the columns of several slices make one value."""
_LONGEST = 200


class Whole(msgspec.Struct, frozen=True):
    """How many there are of all that is meant, whatever their state; ``states``: of the slices, by state."""

    sources: int
    streams: int
    slices: int
    states: dict[str, int]


NOTHING = Whole(0, 0, 0, {})


class LineView(msgspec.Struct, frozen=True, omit_defaults=True):
    """``stream``, ``slice``: absent where the line is of a whole source or stream, or a stream has no slices.

    ``state``: of several slices whether one fails, is late or runs; ``states``: how many are in each.
    ``values``: by the keys of the columns.
    """

    source: str
    state: str
    values: dict[str, Any]
    stream: str | None = None
    slice: str | None = None
    reason: str | None = None
    slices: int = 1
    states: dict[str, int] = {}


class LinesPage(msgspec.Struct, frozen=True):
    """``count``: how many lines there are; ``after`` of them come before these, ``next_after`` continues the list."""

    at: datetime
    level: str
    whole: Whole
    lines: list[LineView]
    count: int
    after: int
    next_after: int | None


def lines_page(found: Lines, after: int) -> LinesPage:
    """The page that begins behind ``after`` lines."""
    count = found.whole["lines"]
    shown = after + len(found.lines)
    return LinesPage(
        at=found.whole["read_at"],
        level=found.whole["level"],
        whole=whole_view(found.whole),
        lines=[_line_view(row) for row in found.lines],
        count=count,
        after=after,
        next_after=shown if found.lines and shown < count else None,
    )


def whole_view(row: Row) -> Whole:
    """Of the row of all slices."""
    return Whole(row["sources"], row["streams"], row["slices"], _states(row))


def _line_view(row: Row) -> LineView:
    is_slice = row["slice"] is not None
    return LineView(
        source=line(row["source"], _LONGEST) or "",
        state=row["state"],
        values={key: _shown(value) for key, value in values(LINE, row).items()},
        stream=line(row["stream"], _LONGEST),
        # What it is asked for by, so it is not cut.
        slice=slice_view(row["slice"]) if is_slice else None,
        reason=line(row["reason"], _LONGEST),
        slices=row["slices"],
        states={} if is_slice else _states(row),
    )


def _shown(value: Any) -> Any:
    return line(value, _LONGEST) if isinstance(value, str) else value


def _states(row: Row) -> dict[str, int]:
    return {state: row[state] for state in STATES if row[state]}
