"""What ``scrapy status`` reads of many slices: as a summary for people, and as an object a slice for programs.

Invariant: the summary's statements give as many rows as it has lines.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe.columns import LINE
from datasync_spider.ops.registry.linelist import slice_object, slice_table, sum_lines, troubles_of, whole_line
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.dashboard import read_runs_by_id
from datasync_spider.storage.lines import Level, LineQuestion, SliceNames, read_lines, read_slices

# Of sums, and of slices that somebody should look at.
_LISTED = 200
_OVER = {column.key: column.over for column in LINE}


def summary(connection: Connection, meant: list[SliceNames], screen: int, program: str) -> list[str]:
    """All slices where they are no more than a screen; else sums, and those that somebody should look at.

    ``screen``: so many lines there is room for. ``program``: what was typed.
    """
    slices = read_lines(connection, LineQuestion("slices", limit=max(screen, _LISTED)), _OVER, meant)
    if not slices.lines:
        raise ConfigurationError("all of it has been dropped meanwhile")
    lines = [whole_line(slices.whole)]
    if len(meant) <= screen:
        return [*lines, *slice_table(slices.lines)]
    level: Level = "streams" if slices.whole["streams"] <= screen else "sources"
    lines += sum_lines(read_lines(connection, LineQuestion(level, limit=_LISTED), _OVER, meant))
    troubled, more = troubles_of(slices)
    if troubled:
        lines += ["", *slice_table(troubled)]
    if more:
        lines.append(f"and {more:,} more that fail or are late: {program} status NAME, of a source or a stream")
    return lines


def slice_objects(connection: Connection, meant: list[SliceNames]) -> list[dict[str, Any]]:
    """One of each, by name."""
    rows = read_slices(connection, meant)
    run_ids = [row["newest_run_id"] for row in rows if row["newest_run_id"] is not None]
    runs = {run["run_id"]: run for run in read_runs_by_id(connection, run_ids)}
    return [slice_object(row, runs.get(row["newest_run_id"])) for row in rows]
