"""Events by day and by type, from a count of the whole table or of a share of it. Pure.

Invariant: an estimate is called one, with the share that it was made from; a share too small to say anything gives no
numbers at all. How many there are in all is no estimate where the totals say it; the share then gives the
proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from datasync_spider.faces.dashboard.visible import line
from datasync_spider.storage.dashboard import EventCounts, Row

_MOST_DAYS = 90
_MOST_TYPES = 20
# Days without events are shown as such between days that have some, unless a whole age lies between them.
_LONGEST_GAP = timedelta(days=31)
# Totals that say something else than the share does, by more than this factor, are not about these events.
_BELIEVED_FACTOR = 2.0
# Fewer events than this say little about days and types.
_LEAST_SAMPLE = 200


class Count(msgspec.Struct, frozen=True):
    """A day or a type with its events, estimated where the count is."""

    name: str
    events: int


class EventsView(msgspec.Struct, frozen=True):
    """``status`` ready: the numbers hold. too_few: the share that was read holds too few events to say anything.

    timed_out: counting took longer than it may, and nothing is shown. paced: another count has just been made; asking
    again in ``again_in_seconds`` helps. ``percent``: the share of the table that was read; below 100 the numbers are
    estimates. ``stream`` and ``slice``: whose they are; no slice: all of the stream.
    """

    status: Literal["ready", "too_few", "timed_out", "paced"]
    stream: str | None = None
    slice: str | None = None
    counted_at: datetime | None = None
    again_in_seconds: float = 0.0
    percent: float = 100.0
    events: int = 0
    days: list[Count] = []
    earlier_days: int = 0
    without_day: int = 0
    types: list[Count] = []
    other_types: int = 0
    without_type: int = 0


def events_view(counts: EventCounts, counted_at: datetime, recorded: int) -> EventsView:
    """The counts, scaled up from the share that was read to what the totals say of these events."""
    scale = 100.0 / counts.percent
    sampled = sum(row["events"] for row in counts.rows if row["kind"] == "all")
    if scale > 1:
        if sampled < _LEAST_SAMPLE:
            return EventsView("too_few", counted_at=counted_at, percent=counts.percent)
        if sampled * scale / _BELIEVED_FACTOR <= recorded <= sampled * scale * _BELIEVED_FACTOR:
            scale = recorded / sampled
    dated = [row for row in counts.rows if row["kind"] == "day" and row["day"] is not None]
    typed = [row for row in counts.rows if row["kind"] == "type" and row["type"] is not None]
    shown_days, shown_types = dated[:_MOST_DAYS], typed[:_MOST_TYPES]
    without_day = _without(counts.rows, "day")
    without_type = _without(counts.rows, "type")
    return EventsView(
        "ready",
        counted_at=counted_at,
        percent=counts.percent,
        events=round(sampled * scale),
        days=_days(shown_days, scale),
        earlier_days=round((sampled - without_day - _sum(shown_days)) * scale),
        without_day=round(without_day * scale),
        types=[Count(line(row["type"], 80) or "", round(row["events"] * scale)) for row in shown_types],
        other_types=round((sampled - without_type - _sum(shown_types)) * scale),
        without_type=round(without_type * scale),
    )


def _sum(rows: Sequence[Row]) -> int:
    return sum(row["events"] for row in rows)


def _without(rows: Sequence[Row], kind: str) -> int:
    """Events whose day or type is not there, or is none that a calendar can show."""
    return _sum([row for row in rows if row["kind"] == kind and row[kind] is None])


def _days(rows: Sequence[Row], scale: float) -> list[Count]:
    """Oldest first, with the days in between that have no events."""
    days: list[Count] = []
    previous: date | None = None
    for row in reversed(rows):
        day = date.fromisoformat(row["day"])
        if previous is not None and day - previous <= _LONGEST_GAP:
            between = (day - previous).days
            days += [Count((previous + timedelta(days=n)).isoformat(), 0) for n in range(1, between)]
        days.append(Count(row["day"], round(row["events"] * scale)))
        previous = day
    return days
