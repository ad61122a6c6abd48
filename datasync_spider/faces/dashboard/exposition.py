"""The columns of streams and of their newest runs for Prometheus, from the rows that the page shows. Pure.

What a running crawl knows of itself beyond the database is in :mod:`datasync_spider.faces.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from datasync_spider.observe.columns import RUN, STREAM, Column
from datasync_spider.storage.dashboard import Overview

_LABELS = ("stream", "slice")


def exposition(overview: Overview) -> bytes:
    """In the text format. A gauge each: what is counted begins anew with a run, or with a reset."""
    registry = CollectorRegistry()
    registry.register(_Rows(overview))
    return generate_latest(registry)


class _Rows(Collector):
    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        yield from _families("datasync_stream", STREAM, self._overview.streams)
        yield from _families("datasync_last_run", RUN, self._overview.current_runs.values())


def _families(prefix: str, columns: Iterable[Column], rows: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    known = list(rows)
    for column in columns:
        family = GaugeMetricFamily(f"{prefix}_{column.key}", column.help, labels=_LABELS)
        for row in known:
            family.add_metric([row["stream"], row["slice"]], row[column.key])
        yield family
