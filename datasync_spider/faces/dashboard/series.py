"""A run's ledger as curves: sums in buckets of equal width, few enough to draw. Pure.

Invariant: each ledger row is in exactly one bucket, whatever the width. Buckets count from the run's start, and each
width of the ladder is a multiple of the one before, so a longer run makes its buckets wider by adding neighbours up,
and no row is read twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from datasync_spider.faces.dashboard.spreading import LONGEST_GAP_SECONDS, origins, over_waits, over_work
from datasync_spider.storage.dashboard import Row

MOST_POINTS = 500
_HOUR, _DAY = 3_600, 86_400
WIDTHS = (1, 2, 10, 20, 60, 120, 600, 1_200, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 4 * _DAY, 28 * _DAY)


class Bucket(Struct):
    """Sums over the pages that were committed in one stretch of time; ``…_max_ms`` are maxima."""

    pages: int = 0
    events: int = 0
    inserted: int = 0
    duplicates: int = 0
    rejected: int = 0
    filtered: int = 0
    fetch_ms: int = 0
    fetch_max_ms: int = 0
    write_ms: int = 0
    write_max_ms: int = 0
    waited_ms: int = 0
    retries: int = 0

    def add(self, other: Bucket) -> None:
        for field in fields(Bucket):
            mine, others = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, max(mine, others) if field.name.endswith("max_ms") else mine + others)


class SeriesView(msgspec.Struct, frozen=True):
    """Columns of equal length. ``time``: the start of each bucket, epoch seconds; rates are per second.

    Latencies are None where no page was committed. The last bucket of a running run is as long as it has lasted; rates
    are None behind its last commit, as long as more may be on its way.
    """

    run: int
    width_seconds: int
    pages: int
    time: list[float]
    events_per_second: list[float | None]
    inserted_per_second: list[float | None]
    duplicates_per_second: list[float | None]
    rejected_per_second: list[float | None]
    fetch_mean_ms: list[float | None]
    fetch_max_ms: list[int | None]
    write_mean_ms: list[float | None]
    write_max_ms: list[int | None]
    waited_seconds: list[float]
    retries: list[int]


def width_for(seconds: float) -> int:
    """The narrowest width that covers so long a run with few enough points."""
    return next((width for width in WIDTHS if seconds / width <= MOST_POINTS), WIDTHS[-1])


class Series:
    """The buckets of one run so far, and the last page that is in them."""

    def __init__(self, width_seconds: int) -> None:
        self.width_seconds = width_seconds
        self.last_page = 0
        self._buckets: dict[int, Bucket] = {}

    @property
    def pages(self) -> int:
        return sum(bucket.pages for bucket in self._buckets.values())

    def add(self, rows: Iterable[Row]) -> None:
        """Takes in rows that were summed up by this width, all behind :attr:`last_page`."""
        for row in rows:
            fresh = Bucket(**{field.name: int(row[field.name]) for field in fields(Bucket)})
            self._buckets.setdefault(row["bucket"], Bucket()).add(fresh)
            self.last_page = max(self.last_page, row["last_page"])

    def widen(self, width_seconds: int) -> None:
        """Makes the buckets wider, to another width of the ladder; a narrower one changes nothing."""
        if width_seconds <= self.width_seconds:
            return
        factor = width_seconds // self.width_seconds
        wider: dict[int, Bucket] = {}
        for index, bucket in self._buckets.items():
            wider.setdefault(index // factor, Bucket()).add(bucket)
        self._buckets = wider
        self.width_seconds = width_seconds

    def view(self, run_id: int, started: float, ended: float, *, is_running: bool = False) -> SeriesView:
        """All points from the run's start to its end, or to now where it is running; epoch seconds."""
        width = self.width_seconds
        points = self._points(int((ended - started) // width))
        last = len(points) - 1
        lengths = list(_lengths(last, width, ended - started))
        waited = [point.waited_ms / 1000 for point in points]
        fetched = [point.fetch_ms / max(point.pages, 1) / 1000 for point in points]
        first = origins([point.pages for point in points], waited, width)
        unknown = _unknown(points, width) if is_running else 0

        def rates(column: str) -> list[float | None]:
            spread = over_work([getattr(point, column) for point in points], lengths, first)
            return [*(round(rate, 2) for rate in spread[: len(points) - unknown]), *([None] * unknown)]

        return SeriesView(
            run=run_id,
            width_seconds=width,
            pages=self.pages,
            time=[started + index * width for index in range(last + 1)],
            events_per_second=rates("events"),
            inserted_per_second=rates("inserted"),
            duplicates_per_second=rates("duplicates"),
            rejected_per_second=rates("rejected"),
            fetch_mean_ms=[round(p.fetch_ms / p.pages, 1) if p.pages else None for p in points],
            fetch_max_ms=[p.fetch_max_ms if p.pages else None for p in points],
            write_mean_ms=[round(p.write_ms / p.pages, 1) if p.pages else None for p in points],
            write_max_ms=[p.write_max_ms if p.pages else None for p in points],
            waited_seconds=[round(seconds, 3) for seconds in over_waits(waited, fetched, width)],
            retries=[p.retries for p in points],
        )

    def _points(self, last: int) -> list[Bucket]:
        """One bucket a place. What a clock that was set put behind the end is drawn at the end, not centuries later."""
        last = min(max([last, *self._buckets]), max(last, 0) + 1, MOST_POINTS)
        points = [Bucket() for _ in range(last + 1)]
        for index, bucket in self._buckets.items():
            points[min(index, last)].add(bucket)
        return points


def _lengths(last: int, width: int, duration: float) -> Iterator[float]:
    """How long each bucket lasted. The last one is cut by the end, but a moment is not blown up into a rate."""
    for index in range(last + 1):
        yield min(float(width), max(duration - index * width, width / 4))


def _unknown(points: list[Bucket], width: int) -> int:
    """How many buckets at the end hold no commit yet, but may belong to one that is on its way."""
    behind = next((n for n, point in enumerate(reversed(points)) if point.pages), len(points))
    return behind if behind * width <= LONGEST_GAP_SECONDS else 0


assert all(wide % narrow == 0 for narrow, wide in pairwise(WIDTHS))
