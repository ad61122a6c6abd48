"""The metrics of one crawl under the names that Prometheus sees.

Counters and gauges are made from the progress model when someone asks, so a crawl pays for scrapes and little else;
only the histograms are fed as things happen. Instants are reported as timestamps, for the asker to subtract from a
clock. Invariant: every crawl has a registry of its own, and what the API did not report is absent instead of zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from datasync_spider.faces.progress.health import Verdict, health_of
from datasync_spider.faces.progress.state import Activity, ProgressState
from datasync_spider.faces.progress.sums import Sums
from datasync_spider.faces.progress.texts import LIVE, run_values

_REQUEST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 15.0, 30.0, 60.0)
_WRITE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH_EVENTS = (100.0, 500.0, 1e3, 5e3, 1e4, 2.5e4, 5e4, 1e5, 2.5e5, 1e6)

# A series that begins with its first event hides that event from increase(), so what alerts ask for is there before.
_RETRIES_FROM_THE_START = {"rate_limited": 0}
_WAITS_FROM_THE_START = {"rate_window": 0.0, "rate_limited": 0.0}

NEWEST = "datasync_newest_event_timestamp_seconds"
NEWEST_OF_SEVERAL = (
    "When the newest stored record happened, or now where it is dated later; of several slices the one farthest behind."
)


class Metrics:
    """``state`` gives the model at each scrape.

    ``clock`` is monotonic, as the model's is; ``wall_clock`` gives seconds since the epoch.
    """

    def __init__(
        self,
        state: Callable[[], ProgressState],
        stall_timeout_seconds: float,
        version: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_FromState(state, stall_timeout_seconds, version, clock, wall_clock))
        self.request_seconds = Histogram(
            "datasync_request_duration_seconds",
            "From a request's leaving to its whole answer, or to its failure.",
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self.write_seconds = Histogram(
            "datasync_write_duration_seconds",
            "From a batch's first statement until just before its COMMIT.",
            buckets=_WRITE_SECONDS,
            registry=self.registry,
        )
        self.batch_events = Histogram(
            "datasync_batch_events",
            "Events of a committed batch.",
            buckets=_BATCH_EVENTS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)


class _FromState(Collector):
    def __init__(
        self,
        state: Callable[[], ProgressState],
        stall_timeout_seconds: float,
        version: str,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._stall_timeout_seconds = stall_timeout_seconds
        self._version = version
        self._clock = clock
        self._wall_clock = wall_clock

    def collect(self) -> Iterator[Metric]:
        now, wall_now = self._clock(), self._wall_clock()
        state = self._state()
        yield _run(state, self._version)
        yield from counters(state, now)
        yield from _gauges(state)
        yield from _instants(state, wall_now - now, wall_now)
        yield from _condition(state, self._stall_timeout_seconds, now)


def _run(state: ProgressState, version: str) -> Metric:
    info = InfoMetricFamily("datasync_run", "The run, described by its labels; always 1.")
    if state.run_id is not None:
        labels = {"run_id": str(state.run_id), "stream": state.stream or "", "pass_kind": state.pass_kind or ""}
        info.add_metric([], {**labels, "version": version})
    return info


def counters(state: ProgressState | Sums, now: float) -> Iterator[Metric]:
    """What is counted of a run, or of several together."""
    counts = run_values(state)
    yield _counter("datasync_pages_fetched", "Pages that were fetched and read.", state.pages_fetched)
    yield _counter("datasync_response_bytes", "Bytes of the bodies of these pages.", state.bytes_fetched)
    for column in LIVE:
        if column.metric:
            yield _counter(column.metric, column.help, counts[column.key])
    yield _counter("datasync_batches_committed", "Transactions with pages that are committed.", counts["batches"])
    yield _counters_by(
        "datasync_events",
        "Events that are committed, by what became of them; their sum is all that were committed.",
        "outcome",
        {column.outcome: counts[column.key] for column in LIVE if column.outcome},
    )
    yield _counters_by(
        "datasync_retries", "Requests that were asked again, by why.", "reason", _RETRIES_FROM_THE_START | state.retries
    )
    yield _counter("datasync_write_retries", "Batches that were written again.", state.write_retries)
    yield _counters_by(
        "datasync_wait_seconds",
        "Deliberate pauses, by why.",
        "reason",
        _WAITS_FROM_THE_START | state.waited_seconds(now),
    )
    yield _counter(
        "datasync_walk_restarts",
        "Chains begun anew because a cursor had expired or was given up.",
        state.chain_restarts,
    )


def _gauges(state: ProgressState) -> Iterator[Metric]:
    yield _gauge("datasync_expected_events", "Events of the whole feed as the API counts them.", state.expected_total)
    stored = state.stored if state.run_id is not None else None
    yield _gauge("datasync_stored_events", "Events of the stream that are stored, by all runs.", stored)
    yield _gauge("datasync_buffered_pages", "Pages that wait for a writer.", state.buffered_pages)
    yield _gauge("datasync_buffered_rows", "Rows of these pages.", state.buffered_rows)
    yield _gauge("datasync_writing_batches", "Batches that are being written.", state.writing_batches)
    yield _gauge("datasync_batch_size_rows", "Rows that a batch may have by now.", state.batch_size_rows)
    rate_limit = state.rate_limit
    yield _gauge("datasync_rate_limit_requests", "Requests that the API allows in a window.", rate_limit.limit)
    yield _gauge(
        "datasync_rate_limit_remaining_requests", "Requests that are left in this window.", rate_limit.remaining
    )


def _instants(state: ProgressState, wall_offset: float, wall_now: float) -> Iterator[Metric]:
    newest_event_at = state.newest_event_at
    resets_at, cursor_ends_at = state.rate_limit.resets_at, state.cursor_ends_at
    yield _gauge(
        "datasync_rate_limit_reset_timestamp_seconds",
        "When the rate window ends.",
        None if resets_at is None else resets_at + wall_offset,
    )
    yield _gauge(
        "datasync_cursor_expiry_timestamp_seconds",
        "When the cursor that is followed next expires.",
        None if cursor_ends_at is None else cursor_ends_at + wall_offset,
    )
    yield _gauge(
        NEWEST,
        "When the newest stored event happened, or now where it is dated later; time() minus this is the lag.",
        # An event of a source whose clock is wrong would make a lag of less than nothing.
        None if newest_event_at is None else min(newest_event_at, wall_now),
    )
    yield _gauge("datasync_last_commit_timestamp_seconds", "When a batch was last committed.", state.last_commit_at)


def _condition(state: ProgressState, stall_timeout_seconds: float, now: float) -> Iterator[Metric]:
    present = state.activity()
    activity = GaugeMetricFamily(
        "datasync_activity", "1 for what the crawl is doing, 0 for all else.", labels=["activity"]
    )
    for each in Activity:
        activity.add_metric([each.value], float(each is present))
    yield activity
    health = health_of(state, stall_timeout_seconds, now)
    yield _gauge(
        "datasync_idle_seconds", "How long nothing was committed and nothing excused that.", health.idle_seconds
    )
    yield _gauge(
        "datasync_stalled", "1 where that is longer than STALL_TIMEOUT_MS.", int(health.verdict is Verdict.STALLED)
    )


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _counters_by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
