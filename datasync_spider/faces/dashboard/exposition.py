"""The columns of streams and of their newest runs for Prometheus, made of the rows that the page shows. Pure.

Invariant: without ``per_slice`` the number of samples is that of the streams, however many slices they have: counts are
added up, of lags and times the worst is given, and of states how many slices are in each. What a running crawl knows of
itself beyond the database is in :mod:`datasync_spider.faces.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from datasync_spider.observe.columns import LINE, RUN, STREAM, Column
from datasync_spider.observe.states import STATES
from datasync_spider.storage.lines import Row

# A column that both have is said once.
_OF_STREAMS = {column.key: ("state", column) for column in LINE if column.format != "text"} | {
    column.key: ("facts", column) for column in STREAM
}
_FAMILIES = [
    *((f"datasync_stream_{key}", relation, column) for key, (relation, column) in _OF_STREAMS.items()),
    *((f"datasync_last_run_{column.key}", "run", column) for column in RUN),
]
MEASURED = {(relation, column.key): column.over for _, relation, column in _FAMILIES}
"""What is to be read: by relation and column how several slices make one value."""


def exposition(rows: Sequence[Row], *, per_slice: bool) -> bytes:
    """In the text format. A gauge each: what is counted begins anew with a run, or with a reset."""
    registry = CollectorRegistry()
    registry.register(_Rows(rows, ("source", "stream", *(("slice",) if per_slice else ()))))
    return generate_latest(registry)


class _Rows(Collector):
    def __init__(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        self._rows = rows
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        yield self._states()
        for name, relation, column in _FAMILIES:
            family = GaugeMetricFamily(_name(name, column), column.help, labels=self._labels)
            for row in self._rows:
                # What is not known, such as the lag of a stream without records, is absent.
                if (value := _number(row[f"{relation}.{column.key}"])) is not None:
                    family.add_metric([row[label] for label in self._labels], value)
            yield family

    def _states(self) -> Metric:
        family = GaugeMetricFamily("datasync_slices", "Slices by how they are.", labels=[*self._labels, "state"])
        for row in self._rows:
            for state in STATES:
                family.add_metric([*(row[label] for label in self._labels), state], row[state])
        return family


def _name(name: str, column: Column) -> str:
    return f"{name.removesuffix('_at')}_timestamp_seconds" if column.format == "instant" else name


def _number(value: Any) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else value
