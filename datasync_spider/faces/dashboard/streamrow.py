"""A stream as the page shows it: its state, how far it is, how long it will take, how old its news are. Pure."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

import msgspec

from datasync_spider.faces.dashboard.activity import Tone
from datasync_spider.faces.dashboard.runrow import RunView, run_view
from datasync_spider.faces.dashboard.visible import line, slice_view
from datasync_spider.observe.columns import STREAM, values
from datasync_spider.sources.drift import in_text
from datasync_spider.storage.dashboard import Row, StreamRows
from datasync_spider.storage.owner import parse_owner

# A few new events on known ground that is read again say nothing of the pace behind it.
_LEAST_NEW_SHARE = 0.1
_PASS_WORDS = {
    "new": "not begun",
    "open": "on its way",
    "complete": "proven complete",
    "short": "ended short",
}


class LeaseView(msgspec.Struct, frozen=True):
    """Who may write to the stream."""

    holder: str
    run: int | None
    since: datetime | None
    expires_at: datetime | None
    expired: bool


class StreamView(msgspec.Struct, frozen=True):
    """``slice`` None: the stream has none. ``drift``: how its fields have changed, in words.

    ``values``: what is counted, by the keys of the columns. ``accounted`` is stored, rejected and filtered together:
    what completeness is judged by. ``events_per_second`` and ``seconds_left`` come from the last minutes of a run that
    lives, else they are None.
    """

    source: str
    name: str
    slice: str | None
    state: str
    tone: Tone
    words: str
    advice: str
    values: dict[str, Any]
    accounted: int
    expected: int | None
    share: float | None
    events_per_second: float | None
    seconds_left: float | None
    oldest_at: datetime | None
    newest_at: datetime | None
    lag_seconds: float | None
    last_success_at: datetime | None
    updated_at: datetime
    pass_number: int
    pass_kind: str
    pass_words: str
    drift: str
    lease: LeaseView | None
    run: RunView | None


class StreamsPage(msgspec.Struct, frozen=True):
    """``next_after`` continues the list where there is more of it."""

    streams: list[StreamView]
    next_after: int | None


def streams_page(rows: StreamRows, limit: int) -> StreamsPage:
    """``rows`` may hold one more than ``limit``: the sign that there is a next page."""
    shown = rows.streams[:limit]
    next_after = shown[-1]["id"] if len(rows.streams) > limit else None
    return StreamsPage([_stream_view(row, rows) for row in shown], next_after)


def _stream_view(row: Row, rows: StreamRows) -> StreamView:
    now: datetime = row["read_at"]
    run_row = rows.current_runs.get(row["newest_run_id"])
    recent = rows.recent.get(row["newest_run_id"])
    run = run_view(run_row, recent) if run_row else None
    state, tone, words, advice = _state(row, run)
    accounted = row["accounted"]
    expected = row["pass_expected_total"]
    alive = run is not None and run.activity.alive
    newest_at = row["newest_occurred_at"]
    return StreamView(
        source=line(row["source"], 200) or "",
        name=line(row["stream"], 200) or "",
        slice=slice_view(row["slice"]),
        state=state,
        tone=tone,
        words=words,
        advice=advice,
        values=values(STREAM, row),
        accounted=accounted,
        expected=expected,
        share=min(1.0, accounted / expected) if expected else None,
        events_per_second=rate(recent, "events", now) if alive else None,
        seconds_left=seconds_left(recent, accounted, expected, now) if alive else None,
        oldest_at=row["oldest_occurred_at"],
        newest_at=newest_at,
        lag_seconds=(now - newest_at).total_seconds() if newest_at else None,
        last_success_at=row["completed_at"],
        updated_at=row["updated_at"],
        pass_number=row["pass_number"],
        pass_kind=line(row["pass_kind"], 200) or "",
        pass_words=_pass_words(row),
        drift=line(in_text(row["newest_drift"] or (), row["drifted"]), 2_000) or "",
        lease=_lease(row, now),
        run=run,
    )


def _pass_words(row: Row) -> str:
    words = _PASS_WORDS.get(row["pass_status"], line(row["pass_status"], 200) or "")
    floor: datetime | None = row["floor_at"] or row["kept_floor_at"]
    return words if floor is None else f"{words}; stored up to {floor.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _state(row: Row, run: RunView | None) -> tuple[str, Tone, str, str]:
    if run is not None:
        doing = run.activity
        return doing.state, doing.tone, doing.words, doing.advice
    advice = f"Start it: scrapy sync {line(shlex.quote(row['stream']), 200)}"
    if row["pass_status"] == "open":
        words = "Its position was taken over from an older database; no run has followed it yet."
        return "adopted", "idle", words, advice
    if row["pass_number"] > 0:
        return "reset", "idle", "What it had stored is forgotten; no run has followed.", advice
    return "never run", "idle", "No run of this stream has been recorded.", advice


def _lease(row: Row, now: datetime) -> LeaseView | None:
    if row["lease_owner"] is None:
        return None
    owner = parse_owner(row["lease_owner"])
    expires_at = row["lease_expires_at"]
    return LeaseView(
        holder=line(str(owner), 200) or "" if owner else "an unknown process",
        run=row["lease_run_id"],
        since=row["lease_acquired_at"],
        expires_at=expires_at,
        expired=expires_at is None or expires_at < now,
    )


def rate(recent: Row | None, column: str, now: datetime) -> float | None:
    """How many a second over the last minutes, waits included; None before the second commit."""
    if recent is None or recent["first_at"] is None:
        return None
    if recent["first_at"] == recent["last_at"]:
        return None
    elapsed = (now - recent["first_at"]).total_seconds()
    return float(recent[column]) / elapsed if elapsed > 0 else None


def seconds_left(recent: Row | None, accounted: int, expected: int | None, now: datetime) -> float | None:
    """At the pace of the last minutes; None where that cannot be said, such as while known events are read again."""
    if expected is None or accounted >= expected:
        return None
    pace, events = rate(recent, "accounted", now), rate(recent, "events", now)
    if not pace or not events or pace < _LEAST_NEW_SHARE * events:
        return None
    return (expected - accounted) / pace
