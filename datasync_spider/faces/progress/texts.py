"""The progress in words and in one line, the same for the log, the live view and the health page. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from datasync_spider.faces.progress.state import Activity, ProgressState
from datasync_spider.faces.progress.sums import Sums
from datasync_spider.observe.columns import RUN, Column, duration, phrase, values
from datasync_spider.storage.batch import Counts

_WAITS = {
    "rate_window": "for the rate window",
    "rate_limited": "as the API asked (429)",
}
_OVERDUE = "due now"
# Where pages shift, one or the other has nothing new.
_MANY_PAGES = 10


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 page``, ``1,200 pages``; ``many`` where that is not ``one`` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def activity_text(state: ProgressState, now: float) -> str:
    """What the run is doing, such as ``waiting 23 s for the rate window``, and whether anything comes of it."""
    pages = state.pages_without_new
    news = f"; no new event in the last {pages:,} pages" if pages >= _MANY_PAGES else ""
    return _doing(state, now) + news


def _doing(state: ProgressState, now: float) -> str:
    match state.activity():
        case Activity.STARTING:
            return "opening the run"
        case Activity.DATABASE_AWAY:
            return _outage_text(state, now)
        case Activity.ENDING:
            return _ending_text(state)
        case Activity.WAITING:
            return _wait_text(state, now)
        case Activity.WRITING:
            return f"writing {writing_text(state)}"
        case Activity.FETCHING:
            asked = "" if state.requested_at is None else _lasting(now - state.requested_at)
            return f"fetching page {state.pages_fetched + 1:,}{asked}"


def _wait_text(state: ProgressState, now: float) -> str:
    assert state.wait is not None
    left = state.wait.ends_at - now
    purpose = _WAITS.get(state.wait.reason, f"before asking again ({state.wait.reason})")
    if state.wait.asked:
        purpose = f"as the API asked ({state.wait.asked})"
    return f"waiting {duration(left) if left > 0 else _OVERDUE} {purpose}"


def _outage_text(state: ProgressState, now: float) -> str:
    assert state.outage is not None
    away = duration(now - state.outage.since)
    left = state.outage.next_attempt_at - now
    again = f"in {duration(left)}" if left >= 0.5 else "now"
    return f"PostgreSQL away for {away}, attempt {state.outage.attempt + 1} {again}"


def _ending_text(state: ProgressState) -> str:
    left = f", writing {writing_text(state)}" if state.writing_batches or state.buffered_pages else ""
    return f"ending ({state.ending or state.pass_end}){left}"


def writing_text(state: ProgressState) -> str:
    """What has been fetched and is not yet committed."""
    batches = counted(state.writing_batches, "batch", "batches")
    if state.batch_size_rows is not None and state.writing_batches:
        batches = f"{batches} of up to {state.batch_size_rows:,} rows"
    if not state.buffered_pages:
        return batches
    return f"{batches}, {state.buffered_rows:,} rows in line"


def _lasting(seconds: float) -> str:
    return f" for {duration(seconds)}" if seconds >= 1 else ""


def stored_text(state: ProgressState) -> str:
    """``1,862,000 of 3,000,000``, or the first number alone where the API gives no total."""
    return f"{state.stored:,}" + (f" of {state.expected_total:,}" if state.expected_total is not None else "")


def progress_line(state: ProgressState, now: float) -> str:
    """The progress so far, in one line."""
    left = state.seconds_left(now)
    time_left = f", {duration(left)} left" if left else ""
    return (
        f"progress: {stored_text(state)} stored{time_left}; this run: {run_text(state)};"
        f" {state.events_per_second_now(now):,.0f} events/s now,"
        f" {state.events_per_second(now):,.0f} on average; {activity_text(state, now)}"
    )


def progress_fields(state: ProgressState, now: float) -> dict[str, Any]:
    """The same as :func:`progress_line`, for programs."""
    left = state.seconds_left(now)
    return {
        "run_id": state.run_id,
        "stream": state.stream,
        "activity": str(state.activity()),
        "stored": state.stored,
        "expected_total": state.expected_total,
        "seconds_left": None if left is None else round(left),
        **values(LIVE, run_values(state)),
        "pages_without_new": state.pages_without_new,
        "events_per_second_now": round(state.events_per_second_now(now)),
        "events_per_second": round(state.events_per_second(now)),
    }


# What a crawl knows of itself, of what the database keeps of a run.
LIVE = tuple(c for c in RUN if c.key in Counts.__struct_fields__)


def run_values(state: ProgressState | Sums) -> dict[str, int]:
    """What is committed so far, and the retries, by the keys of the columns."""
    return {**msgspec.structs.asdict(state.counts), "retries": state.retries_in_all}


def run_phrases(state: ProgressState) -> list[tuple[Column, int, str]]:
    """A phrase for each column but ``events``, which rates are shown of."""
    known = run_values(state)
    return [
        (column, known[column.key], phrase(column, known[column.key]))
        for column in LIVE
        if column.in_text and column.key != "events" and (known[column.key] or not column.is_quiet)
    ]


def run_text(state: ProgressState) -> str:
    """The same in one line."""
    return ", ".join(words for _, _, words in run_phrases(state))
