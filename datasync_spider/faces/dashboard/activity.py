"""What a run is doing, in words, from what the database knows of it: heartbeat, ledger and lease. Pure.

Invariant: nothing is claimed that the rows do not show. A process reports to the database that it lives and what it has
committed; what it does between two commits is inferred, and the words say so.

A heartbeat comes thrice in a lease's life, and each commit is one too; both renew the lease. So the lease's expiry
shows how long a silence may last.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from datasync_spider.faces.dashboard.phrases import span
from datasync_spider.faces.dashboard.remedies import explain_run
from datasync_spider.storage.dashboard import Row

Tone = Literal["active", "good", "waiting", "warning", "bad", "idle"]

# A fast crawl commits about once a second; a slow page takes some seconds more.
_FETCHING_SECONDS = 8.0
_LONG_WAIT_SECONDS = 1.0
# A rate window's wait varies with where in the window it began.
_WAIT_SLACK = 1.5

_ENDED: dict[str, tuple[str, Tone]] = {
    "complete": ("complete", "good"),
    "incomplete": ("incomplete", "warning"),
    "stopped": ("stopped", "idle"),
    "failed": ("failed", "bad"),
    "fenced": ("fenced off", "warning"),
}


class Activity(msgspec.Struct, frozen=True):
    """``state`` is a word or two for a label, ``words`` a sentence. ``alive``: someone still works on it."""

    state: str
    tone: Tone
    words: str
    advice: str
    alive: bool


def activity(run: Row, recent: Row | None, now: datetime) -> Activity:
    """What the run of this row does or how it ended. ``recent``: the summary of its newest pages, if it is running."""
    if run["status"] != "running":
        state, tone = _ENDED.get(run["status"], (run["status"], "idle"))
        explanation = explain_run(run["reason"])
        return Activity(state, tone, explanation.words, explanation.advice, alive=False)
    return _displaced(run) or _silent(run, now) or _working(run, recent, now)


def _displaced(run: Row) -> Activity | None:
    if run["holds_lease"]:
        return None
    if run["lease_run_id"] is not None:
        words = f"Run {run['lease_run_id']} has taken the stream over; this one can write nothing more."
    else:
        words = "It no longer holds the stream's lease; it can write nothing more."
    advice = "It will be recorded as ended, by itself or by the next run."
    return Activity("displaced", "warning", words, advice, alive=False)


def _silent(run: Row, now: datetime) -> Activity | None:
    silence = (now - run["heartbeat_at"]).total_seconds()
    expires_at = run["lease_expires_at"]
    if expires_at is None or expires_at < now:
        words = f"No heartbeat for {span(silence)}: the process may be dead, or cut off from the database."
        advice = "Look at the process. Starting another run is safe: it takes the stream over and goes on."
        return Activity("silent", "bad", words, advice, alive=False)
    # Two of the three heartbeats of a lease are missing by then.
    lifetime = (expires_at - run["heartbeat_at"]).total_seconds()
    if silence > lifetime * 2 / 3:
        words = f"No heartbeat for {span(silence)}; its lease lasts another {span((expires_at - now).total_seconds())}."
        return Activity("late", "warning", words, "", alive=True)
    return None


def _working(run: Row, recent: Row | None, now: datetime) -> Activity:
    if run["closed_until"] is not None and run["closed_until"] > now:
        left = span((run["closed_until"] - now).total_seconds())
        return Activity("waiting", "waiting", f"The API wants no request for another {left}; it waits.", "", alive=True)
    last_at = recent["last_at"] if recent else None
    if last_at is None:
        words = f"It started {span((now - run['started_at']).total_seconds())} ago and waits for its first page."
        return Activity("starting", "waiting", words, "", alive=True)
    quiet = max(0.0, (now - last_at).total_seconds())
    # When the API takes requests again, a page is on its way before it is committed.
    resumed_at = max(last_at, run["closed_until"] or last_at)
    if (now - resumed_at).total_seconds() <= _FETCHING_SECONDS:
        return Activity("fetching", "active", "Pages are being fetched and committed.", "", alive=True)
    longest = recent["longest_wait_ms"] / 1000 if recent else 0.0
    if longest >= _LONG_WAIT_SECONDS and quiet <= longest * _WAIT_SLACK + _FETCHING_SECONDS:
        words = (
            f"It probably waits for the rate window: nothing committed for {span(quiet)},"
            f" and such waits took up to {span(longest)}."
        )
        return Activity("waiting", "waiting", words, "", alive=True)
    words = (
        f"It lives, but has committed nothing for {span(quiet)}:"
        " it waits for the API or a rate window, tries again, or cannot write."
    )
    return Activity("quiet", "warning" if quiet > 300 else "waiting", words, "", alive=True)
