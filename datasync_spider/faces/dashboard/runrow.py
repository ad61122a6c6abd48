"""A run's row as the page shows it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from datasync_spider.faces.dashboard.activity import Activity, activity
from datasync_spider.faces.dashboard.visible import line, slice_view
from datasync_spider.observe.columns import RUN, values
from datasync_spider.storage.dashboard import Row

STATUSES = ("running", "complete", "incomplete", "stopped", "failed", "fenced")


class RunView(msgspec.Struct, frozen=True):
    """``slice`` None: its stream has none.

    ``events_per_second`` is the average over the run's whole time, waits included.

    ``values``: what is counted, by the keys of the columns. ``worker``: of a fleet.
    """

    id: int
    stream: str
    slice: str | None
    status: str
    reason: str | None
    detail: str | None
    activity: Activity
    owner: str
    host: str | None
    worker: str | None
    version: str
    pass_number: int
    pass_kind: str
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    duration_seconds: float
    values: dict[str, Any]
    expected_total: int | None
    events_per_second: float | None


class RunsPage(msgspec.Struct, frozen=True):
    """``next_before`` continues the list where there is more of it."""

    at: datetime | None
    runs: list[RunView]
    next_before: int | None


def run_view(row: Row, recent: Row | None = None) -> RunView:
    """The run at the instant when its row was read."""
    now: datetime = row["read_at"]
    duration = row["duration_seconds"]
    return RunView(
        id=row["run_id"],
        stream=_line(row["stream"]),
        slice=slice_view(row["slice"]),
        status=_line(row["status"]),
        reason=line(row["reason"], 200),
        detail=line(row["detail"]),
        activity=activity(row, recent, now),
        owner=_line(row["owner"]),
        host=line(row["host"], 200),
        worker=line(row["worker"], 200),
        version=_line(row["version"]),
        pass_number=row["pass_number"],
        pass_kind=_line(row["pass_kind"]),
        started_at=row["started_at"],
        heartbeat_at=row["heartbeat_at"],
        ended_at=row["ended_at"],
        duration_seconds=duration,
        values=values(RUN, row),
        expected_total=row["expected_total"],
        events_per_second=row["events"] / duration if duration > 0 else None,
    )


def runs_page(rows: list[Row], recent: dict[int, Row], limit: int) -> RunsPage:
    """``rows`` may hold one more than ``limit``: the sign that there is a next page."""
    shown = rows[:limit]
    return RunsPage(
        at=rows[0]["read_at"] if rows else None,
        runs=[run_view(row, recent.get(row["run_id"])) for row in shown],
        next_before=shown[-1]["run_id"] if len(rows) > limit else None,
    )


def _line(text: str) -> str:
    return line(text, 200) or ""
