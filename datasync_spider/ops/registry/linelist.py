"""What ``scrapy status`` says of many slices: sums by source or stream, and a line for each that needs someone. Pure.

Invariant: it is about a screen long, however many slices there are, but for those that fail or are late; whatever
another process has named comes out visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasync_spider.observe.columns import LINE, MACHINE, STREAM, Column, duration, shown, text, values, words
from datasync_spider.observe.display import visible
from datasync_spider.observe.states import STATES, TROUBLES
from datasync_spider.sources.streamnames import label
from datasync_spider.storage.lines import Lines, Row
from datasync_spider.storage.machines import Machines
from datasync_spider.storage.owner import parse_owner

_LONGEST_NAME = 80
_RUN_FACTS = ("status", "reason", "started_at", "ended_at", "events", "inserted", "duplicates", "rejected")


def whole_line(whole: Row) -> str:
    """``1,000 slices of 100 streams in 20 sources: 3 failing, 997 fine``."""
    counted = [f"{whole[state]:,} {state}" for state in STATES if whole[state]]
    parts = [_counted(whole["slices"], "slice"), _counted(whole["streams"], "stream")]
    return f"{' of '.join(parts)} in {_counted(whole['sources'], 'source')}: {', '.join(counted)}"


def sum_lines(sums: Lines) -> list[str]:
    """A line for each source or stream: how many of its slices are how, and the worst of their columns."""
    states = [state for state in STATES if sums.whole[state]]
    columns = shown(LINE, sums.lines)
    kind = "source" if sums.whole["level"] == "sources" else "stream"
    head = (kind, "slices", *states, *(column.label.lower() for column in columns))
    cells = [
        (
            visible(row[kind], _LONGEST_NAME),
            f"{row['slices']:,}",
            *(f"{row[state]:,}" if row[state] else "" for state in states),
            *_cells(row, columns),
        )
        for row in sums.lines
    ]
    return _table([head, *cells], left=1)


def slice_table(rows: Sequence[Row]) -> list[str]:
    """A line for each slice."""
    columns = shown(LINE, rows)
    head = ("slice", "state", "reason", *(column.label.lower() for column in columns))
    cells = [
        (
            visible(label(row["stream"], row["slice"]), _LONGEST_NAME),
            row["state"],
            visible(row["reason"] or "", _LONGEST_NAME) if row["state"] in {"failing", "stopped"} else "",
            *_cells(row, columns),
        )
        for row in rows
    ]
    return _table([head, *cells], left=3)


def machine_lines(found: Machines) -> list[str]:
    """What machines have under way and have ended lately, those that are silent or late first; a line for each."""
    whole = found.whole
    held, *ended = words([column for column in MACHINE if column.format == "count"], whole)
    lines = [f"{_counted(whole['hosts'], 'machine')}: {held}; within the last hour {', '.join(ended)}"]
    if not found.lines:
        return lines
    columns = shown(MACHINE, found.lines)
    head = ("machine", "state", *(column.label.lower() for column in columns))
    cells = [(visible(row["machine"], _LONGEST_NAME), row["state"], *_cells(row, columns)) for row in found.lines]
    lines += _table([head, *cells], left=2)
    if (more := whole["lines"] - len(found.lines)) > 0:
        lines.append(f"and {more:,} more")
    return lines


def machine_object(row: Row) -> dict[str, Any]:
    """For programs."""
    return {**{key: row[key] for key in ("host", "worker", "machine", "state")}, **values(MACHINE, row)}


def troubles_of(found: Lines) -> tuple[list[Row], int]:
    """Those lines of slices that someone should look at, and how many more there are of them."""
    rows = [row for row in found.lines if row["state"] in TROUBLES]
    total = sum(found.whole[state] for state in TROUBLES)
    return rows, total - len(rows)


def slice_object(row: Row, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """For programs. What is not registered yet has no totals."""
    owner = parse_owner(row["lease_owner"]) if row["lease_owner"] else None
    return {
        **{key: row[key] for key in ("source", "stream", "slice", "state", "reason")},
        **values(STREAM, row),
        **values(LINE, row),
        "expected_total": row["pass_expected_total"],
        "pass": {key: row[f"pass_{key}"] for key in ("number", "kind", "status")},
        "floor_at": row["floor_at"] or row["kept_floor_at"],
        "oldest_occurred_at": row["oldest_occurred_at"],
        "newest_occurred_at": row["newest_occurred_at"],
        "updated_at": row["updated_at"],
        "paused_at": row["paused_at"],
        "every_seconds": row["every_seconds"],
        "lease": {
            "held_by": str(owner) if owner else None,
            "run_id": row["lease_run_id"],
            "expires_at": row["lease_expires_at"],
            "expired": row["lease_expired"],
            "host": row["host"],
            "worker": row["worker"],
        },
        "run": None if run is None else {"id": run["run_id"], **{key: run[key] for key in _RUN_FACTS}},
    }


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    return [_said(column, row[column.key], row["read_at"]) for column in columns]


def _said(column: Column, value: Any, now: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value, _LONGEST_NAME)
    if column.format != "instant":
        return "" if column.is_quiet and not value else text(column, value)
    seconds = (now - value).total_seconds()
    return f"in {duration(-seconds)}" if seconds < 0 else f"{duration(seconds)} ago"


def _table(lines: Sequence[Sequence[str]], left: int) -> list[str]:
    """``left``: so many columns begin at their left, the others end at their right."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return [
        "  ".join(
            c.ljust(w) if n < left else c.rjust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
