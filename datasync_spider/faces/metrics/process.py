"""The metrics of a process that syncs many slices: sums by source and stream, under the names that a crawl's own have.

Invariant: the number of samples is that of the streams, however many slices they have; all are made when someone asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from datasync_spider.faces.metrics.families import NEWEST, NEWEST_OF_SEVERAL, counters
from datasync_spider.faces.progress.many import Many

_LABELS = ("source", "stream")
# As of a crawl's retries: what alerts ask for is there before it happens.
_ENDS_FROM_THE_START = ("complete", "failed")


def registry_of(
    many: Many, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
) -> CollectorRegistry:
    """``clock`` is monotonic, as the model's is."""
    registry = CollectorRegistry()
    registry.register(_OfStreams(many, clock, wall_clock))
    ProcessCollector(registry=registry)
    return registry


class _OfStreams(Collector):
    def __init__(self, many: Many, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._many = many
        self._clock = clock
        self._wall_clock = wall_clock

    def collect(self) -> Iterator[Metric]:
        many, now = self._many, self._clock()
        yield _syncs(many)
        under_way = {name: stream.under_way for name, stream in many.streams.items()}
        yield _gauge("datasync_slices_under_way", "Slices that are being synced.", under_way)
        sums = many.sums(now)
        requests = CounterMetricFamily("datasync_requests", "Requests that were sent.", labels=_LABELS)
        for name, one in sums.items():
            requests.add_metric(name, one.requests)
        yield requests
        yield from _summed({name: list(counters(one, now)) for name, one in sums.items()})
        wall_now = self._wall_clock()
        newest = {name: min(at, wall_now) for name, at in many.newest().items()}
        yield _gauge(NEWEST, NEWEST_OF_SEVERAL, newest)
        fresh = {} if many.freshness is None else many.freshness.streams
        yield _gauge(
            "datasync_late_slices",
            "Slices that have been due for longer than twice their every, with --follow.",
            {name: stream.late for name, stream in fresh.items()},
        )
        yield _gauge(
            "datasync_stream_late_seconds",
            "How long a sync has been due that has not begun; of several slices the longest, with --follow.",
            {name: stream.late_seconds for name, stream in fresh.items()},
        )


def _syncs(many: Many) -> Metric:
    family = CounterMetricFamily("datasync_syncs", "Syncs that have ended, by how.", labels=[*_LABELS, "end"])
    for name, stream in many.streams.items():
        for end in (*_ENDS_FROM_THE_START, *(end for end in stream.ends if end not in _ENDS_FROM_THE_START)):
            family.add_metric([*name, end.replace(" ", "_")], stream.ends[end])
    return family


def _summed(by_stream: Mapping[tuple[str, str], list[Metric]]) -> Iterator[Metric]:
    """One family of each name, with the samples of all streams."""
    found: dict[str, Metric] = {}
    for name, families in by_stream.items():
        labels = dict(zip(_LABELS, name, strict=True))
        for family in families:
            into = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                into.add_sample(sample.name, {**labels, **sample.labels}, sample.value)
    yield from found.values()


def _gauge(name: str, text: str, values: Mapping[tuple[str, str], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=_LABELS)
    for stream, value in values.items():
        family.add_metric(stream, value)
    return family
