"""The live view's picture of many syncs, for a terminal of any width. Pure: it draws a model at an instant.

What all of them come to; the five busiest, five that fail or have waited longest, and the latest three: a line each.
Everything shown that came from outside is drawn as plain text without control characters.
"""

from __future__ import annotations

from heapq import nlargest

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from datasync_spider.faces.liveview.panel import MARGIN_CELLS, STYLES, Warned, warning_line
from datasync_spider.faces.progress.many import Many, Place
from datasync_spider.faces.progress.state import Activity, ProgressState
from datasync_spider.faces.progress.texts import activity_text, counted
from datasync_spider.observe.columns import duration
from datasync_spider.observe.display import visible
from datasync_spider.sources.streamnames import label

_SHOWN = 5
_SHOWN_LATE = 3
_NAME_CELLS = 44
_WORTH_SHOWING_SECONDS = 2.0


class Ahead(Struct, frozen=True):
    """What there is to be done. ``left``: slices that are not begun; ``kept``: so many are kept fresh, or 0."""

    left: int
    kept: int


def manypanel(many: Many, ahead: Ahead, warned: Warned | None, now: float) -> RenderableType:
    """At most sixteen lines, however many slices there are."""
    lines: list[RenderableType] = [_numbers(many, ahead, now), _rates(many, now)]
    in_trouble = [*_failing(many, now), *_waiting(many, now)]
    rows = [*_busiest(many, now), *in_trouble[:_SHOWN], *_late(many, now)]
    if rows:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=_NAME_CELLS)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for name, words in rows:
            table.add_row(Text(f"  {name}"), words)
        lines.append(table)
    if warned is not None:
        lines.append(warning_line(warned, now))
    return Padding(Group(*lines), (0, MARGIN_CELLS, 0, 0))


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _numbers(many: Many, ahead: Ahead, now: float) -> Text:
    ends = many.ends
    text = Text("sync", style="bold")
    text.append(f", {counted(ahead.kept, 'slice')} kept fresh: " if ahead.kept else ": ", style="not bold")
    done = counted(ends.total(), "sync") if ahead.kept else f"{ends.total():,}"
    parts = [f"{done} done", f"{len(many.under_way):,} under way"]
    if not ahead.kept:
        parts.append(f"{ahead.left:,} left")
    elif many.freshness is not None:
        parts.append(f"{many.freshness.due:,} due")
    text.append(", ".join(parts), style="not bold")
    if many.failing:
        text.append(f", {len(many.failing):,} failing", style="not bold red")
    if many.freshness is not None and many.freshness.late:
        text.append(f", {many.freshness.late:,} late", style="not bold red")
    if many.freshness is not None and many.freshness.next_seconds is not None:
        seconds = many.freshness.next_seconds - (now - many.fresh_at)
        text.append("; next due " + (f"in {duration(seconds)}" if seconds > 0 else "now"), style="not bold dim")
    return _line(text)


def _rates(many: Many, now: float) -> Text:
    whole = many.whole(now)
    records, pages = many.rates(whole, now)
    under_way = [state for state in many.under_way.values() if state is not None]
    asked = sum(state.requested_at is not None for state in under_way)
    waiting = sum(state.activity() is Activity.WAITING for state in under_way)
    text = Text(f"{records:,.0f} records/s, {pages:,.1f} pages/s now; {whole.counts.inserted:,} new")
    if whole.counts.rejected:
        text.append(f", {whole.counts.rejected:,} rejected", style="red")
    text.append(f"; {counted(asked, 'request')} open, {waiting:,} waiting")
    text.append(f"; {duration(now - many.started_at)} so far", style="dim")
    return _line(text)


def _busiest(many: Many, now: float) -> list[tuple[str, Text]]:
    """By records a second, of those that have any."""
    rates = [
        (state.events_per_second_now(now), _name(place), state)
        for place, state in many.under_way.items()
        if state is not None and state.activity() is not Activity.WAITING
    ]
    return [
        (name, Text(f"{rate:,.0f} records/s; {_doing(state, now)}", style=STYLES[state.activity()]))
        for rate, name, state in nlargest(_SHOWN, rates, key=lambda one: one[:2])
        if rate >= 1
    ]


def _waiting(many: Many, now: float) -> list[tuple[str, Text]]:
    """Those that have waited longest: for the API, or for the database."""
    found = [
        (now - since, _name(place), state)
        for place, state in many.under_way.items()
        if state is not None and (since := _waits_since(state)) is not None and now - since > _WORTH_SHOWING_SECONDS
    ]
    return [
        (name, Text(_doing(state, now), style=STYLES[state.activity()]))
        for _, name, state in nlargest(_SHOWN, found, key=lambda one: one[:2])
    ]


def _waits_since(state: ProgressState) -> float | None:
    if state.outage is not None:
        return state.outage.since
    return None if state.wait is None else state.wait.started_at


def _doing(state: ProgressState, now: float) -> str:
    return visible(activity_text(state, now))


def _failing(many: Many, now: float) -> list[tuple[str, Text]]:
    """Those that have failed most often, and last."""
    found = [(failing.times, failing.at, _name(place), failing) for place, failing in many.failing.items()]
    return [
        (
            name,
            Text(f"{failing.status} {_often(times)}{duration(now - at)} ago: {visible(failing.why)}", style="red"),
        )
        for times, at, name, failing in nlargest(_SHOWN, found, key=lambda one: one[:3])
    ]


def _often(times: int) -> str:
    return "" if times == 1 else f"{times:,} times in a row, the last "


def _late(many: Many, now: float) -> list[tuple[str, Text]]:
    if many.freshness is None:
        return []
    older = now - many.fresh_at
    return [
        (
            visible(label(late.stream, late.slice)),
            Text(
                f"late: due for {duration(late.late_seconds + older)}, every {duration(late.every_seconds)}",
                style="red",
            ),
        )
        for late in many.freshness.latest[:_SHOWN_LATE]
    ]


def _name(place: Place) -> str:
    return visible(label(place.stream, place.slice))
