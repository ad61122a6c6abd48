"""The progress of one run: counters and what is going on, fed event by event. Pure: the time is an argument.

Times are those of a monotonic clock but for ``newest_event_at`` and ``last_commit_at``: seconds since the epoch.
Invariant: ``stored`` and the counters of events count committed work only; what is in flight is in none of them yet.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from msgspec import Struct

from datasync_spider.faces.progress.idle import IdleClock
from datasync_spider.faces.progress.rate import RateMeter
from datasync_spider.storage.batch import Counts

_NOW_SECONDS = 10.0
# Two windows of a usual rate limit: bursts and the pauses between them average out.
_FORECAST_SECONDS = 120.0
_LEAST_NEW_SHARE = 0.1


class Activity(StrEnum):
    """What a run is doing, or waiting for, at the moment."""

    STARTING = "starting"
    FETCHING = "fetching"
    WRITING = "writing"
    WAITING = "waiting"
    DATABASE_AWAY = "database_away"
    ENDING = "ending"


class Wait(Struct, frozen=True):
    """A pause that was announced. ``asked``: in which words the API asked for it; empty where it did not."""

    reason: str
    started_at: float
    ends_at: float
    asked: str = ""


class Outage(Struct, frozen=True):
    """The database fails, and is tried again."""

    since: float
    attempt: int
    next_attempt_at: float


class RateLimit(Struct, frozen=True):
    """What the API reported of its rate window; None where it did not."""

    limit: int | None
    remaining: int | None
    resets_at: float | None


class ProgressState:
    """``retry_budget_seconds``: how long a failing database excuses a standstill."""

    def __init__(self, retry_budget_seconds: float, now: float) -> None:
        self._retry_budget_seconds = retry_budget_seconds
        self.idle = IdleClock(now)
        self._restart_clocks(now)
        self.run_id: int | None = None
        self.stream: str | None = None
        self.pass_kind: str | None = None
        self.stored = 0
        self.accounted = 0
        self.expected_total: int | None = None
        self.counts = Counts()
        self.requests = 0
        self.pages_fetched = 0
        self.bytes_fetched = 0
        self.chain_restarts = 0
        self.pages_without_new = 0
        """So many pages were committed since the last one that brought something new."""
        self._waited: dict[str, float] = {}
        self.rate_limit = RateLimit(None, None, None)
        self.retries: Counter[str] = Counter()
        self.write_retries = 0
        self.buffered_pages = 0
        self.buffered_rows = 0
        self.writing_batches = 0
        self.batch_size_rows: int | None = None
        self.cursor_ends_at: float | None = None
        self.newest_event_at: float | None = None
        self.last_commit_at: float | None = None
        self.wait: Wait | None = None
        self.outage: Outage | None = None
        self.requested_at: float | None = None
        self.pass_end: str | None = None
        self.ending: str | None = None

    def _restart_clocks(self, now: float) -> None:
        self.started_at = now
        self._rate_now = RateMeter(_NOW_SECONDS, now)
        self._rate_lately = RateMeter(_FORECAST_SECONDS, now)
        self._accounting_lately = RateMeter(_FORECAST_SECONDS, now)

    # What happened

    def run_opened(
        self,
        run_id: int,
        stream: str,
        pass_kind: str,
        stored: int,
        expected_total: int | None,
        newest_event_at: float | None,
        now: float,
    ) -> None:
        """``stored``: the events of the stream that earlier runs have committed."""
        self.run_id, self.stream, self.pass_kind = run_id, stream, pass_kind
        self.stored = self.accounted = stored
        self.expected_total = expected_total
        self.newest_event_at = newest_event_at
        self._restart_clocks(now)
        self.idle.progressed(now)

    def request_sent(self, now: float) -> None:
        self.requested_at = now
        self.requests += 1

    def request_ended(self) -> None:
        self.requested_at = None

    def page_fetched(self, body_bytes: int, cursor_seconds: float | None, now: float) -> None:
        """``cursor_seconds``: how long the cursor that follows lives; None where there is none, or it is not known."""
        self.pages_fetched += 1
        self.bytes_fetched += body_bytes
        self.cursor_ends_at = None if cursor_seconds is None else now + cursor_seconds

    def pass_ended(self, why: str) -> None:
        """No page follows the one that was fetched last: the feed's last, or known ground."""
        self.pass_end = why

    def rate_window_observed(
        self, limit: int | None, remaining: int | None, reset_seconds: float | None, now: float
    ) -> None:
        self.rate_limit = RateLimit(limit, remaining, None if reset_seconds is None else now + reset_seconds)

    def chain_restarted(self) -> None:
        self.chain_restarts += 1

    def buffer_changed(self, pages: int, rows: int, writing: int, batch_size_rows: int | None = None) -> None:
        """``batch_size_rows``: how large a batch may be by now."""
        self.buffered_pages, self.buffered_rows, self.writing_batches = pages, rows, writing
        self.batch_size_rows = batch_size_rows

    def committed(
        self,
        counts: Counts,
        stored: int | None,
        expected_total: int | None,
        newest_event_at: float | None,
        now: float,
        wall_now: float,
        pages_since_new: int | None = None,
    ) -> None:
        """``counts``: this commit's own; ``stored``: the stream's total behind it, None where it was not reported.

        ``pages_since_new``: how many of its pages follow the last one with something new; None where none has.
        """
        self.counts += counts
        self.pages_without_new = self.pages_without_new + counts.pages if pages_since_new is None else pages_since_new
        new = counts.inserted + counts.rejected + counts.filtered
        self.stored = self.stored + counts.inserted if stored is None else stored
        self.accounted += new
        self.expected_total = self.expected_total if expected_total is None else expected_total
        if newest_event_at is not None:
            self.newest_event_at = max(newest_event_at, self.newest_event_at or newest_event_at)
        self.last_commit_at = wall_now
        self._rate_now.add(counts.events, now)
        self._rate_lately.add(counts.events, now)
        self._accounting_lately.add(new, now)
        self.idle.progressed(now)
        self.outage = None
        self.idle.no_excuse("database", now)

    def wait_started(self, reason: str, seconds: float, now: float, asked: str = "") -> None:
        self.wait = Wait(reason, now, now + seconds, asked)
        self.idle.excuse("wait", now + seconds, now)

    def wait_ended(self, now: float) -> None:
        if self.wait is not None:
            self._waited = self.waited_seconds(now)
        self.wait = None
        self.idle.no_excuse("wait", now)

    def request_retrying(self, reason: str) -> None:
        self.retries[reason] += 1

    def writer_retrying(self, attempt: int, delay_seconds: float, now: float) -> None:
        self.write_retries += 1
        since = now if self.outage is None else self.outage.since
        self.outage = Outage(since, attempt, now + delay_seconds)
        self.idle.excuse("database", since + self._retry_budget_seconds, now)

    def ends(self, why: str) -> None:
        """The first cause stays: a stop signal, or the reason of a failure."""
        self.ending = self.ending or why

    # What follows from it

    def activity(self) -> Activity:
        if self.run_id is None:
            return Activity.STARTING
        if self.outage is not None:
            return Activity.DATABASE_AWAY
        if self.ending is not None or self.pass_end is not None:
            return Activity.ENDING
        if self.wait is not None:
            return Activity.WAITING
        if self.requested_at is None and (self.writing_batches or self.buffered_pages):
            return Activity.WRITING
        return Activity.FETCHING

    def elapsed_seconds(self, now: float) -> float:
        return now - self.started_at

    def events_per_second_now(self, now: float) -> float:
        return self._rate_now.per_second(now)

    def events_per_second(self, now: float) -> float:
        """On average over the run."""
        return self.counts.events / max(self.elapsed_seconds(now), 1.0)

    def waited_seconds(self, now: float) -> dict[str, float]:
        """By reason, with what the present wait has lasted."""
        waited = dict(self._waited)
        if self.wait is not None:
            waited[self.wait.reason] = waited.get(self.wait.reason, 0.0) + now - self.wait.started_at
        return waited

    @property
    def retries_in_all(self) -> int:
        return self.retries.total()

    def seconds_left(self, now: float) -> float | None:
        """None where nothing can be said: the total is unknown, or hardly anything new has come lately.

        The few new events on known ground that is read again say nothing of the pace behind it.
        """
        if self.expected_total is None:
            return None
        left = self.expected_total - self.accounted
        rate = self._accounting_lately.per_second(now)
        if left <= 0:
            return 0.0
        if rate <= _LEAST_NEW_SHARE * self._rate_lately.per_second(now):
            return None
        waiting = 0.0 if self.wait is None else max(0.0, self.wait.ends_at - now)
        # The pauses of usual windows are in the rate already, and a longer one comes on top of it.
        return left / rate + waiting if waiting > _FORECAST_SECONDS else max(left / rate, waiting)

    def cursor_seconds_left(self, now: float) -> float | None:
        return None if self.cursor_ends_at is None else self.cursor_ends_at - now
