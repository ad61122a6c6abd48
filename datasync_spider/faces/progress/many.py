"""The progress of many syncs in one process: what each stream has come to, what is under way, what fails, what is late.

Pure: the time is an argument, of a monotonic clock. Invariant: what it remembers of a slice that is not under way is an
instant, or why it fails; so ten thousand of them cost little, and nothing at all while nobody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from datasync_spider.faces.progress.rate import RateMeter
from datasync_spider.faces.progress.state import ProgressState
from datasync_spider.faces.progress.sums import Sums
from datasync_spider.storage.freshness import Freshness

_NOW_SECONDS = 10.0

COMPLETE = "complete"
# Another process has the slice, or someone has stopped this one: nothing is known to be wrong with it, or to be well.
_SAYS_NOTHING = frozenset({"stopped", "lease held"})


class Place(Struct, frozen=True):
    """A slice by its names."""

    source: str
    stream: str
    slice: str

    @property
    def of_stream(self) -> tuple[str, str]:
        return self.source, self.stream


class Failing(Struct, frozen=True):
    """``times``: so many syncs in a row, in this process. ``at``: when the last one ended. ``why``: in words."""

    times: int
    at: float
    status: str
    why: str


class OfStream:
    """What has ended of a stream in this process. ``newest``: when the newest record happened, by slice."""

    def __init__(self) -> None:
        self.done = Sums()
        self.ends: Counter[str] = Counter()
        self.under_way = 0
        self.newest: dict[str, float] = {}


class Many:
    """Fed as slices are begun and end."""

    def __init__(self, now: float) -> None:
        self.started_at = now
        self.streams: dict[tuple[str, str], OfStream] = {}
        self.under_way: dict[Place, ProgressState | None] = {}
        """None: nothing has been heard from it so far."""
        self.failing: dict[Place, Failing] = {}
        self.freshness: Freshness | None = None
        """None where nothing is kept fresh, or it was not asked yet."""
        self.fresh_at = now
        """When that was asked."""
        self._records = RateMeter(_NOW_SECONDS, now)
        self._pages = RateMeter(_NOW_SECONDS, now)
        self._measured = (0, 0)

    # What happened

    def known(self, streams: Iterable[tuple[str, str]]) -> None:
        """Streams of which there is something to be synced: each by its source and its name."""
        for stream in streams:
            self._stream(stream)

    def began(self, place: Place) -> None:
        self.under_way[place] = None
        self._stream(place.of_stream).under_way += 1

    def opened(self, place: Place, state: ProgressState) -> None:
        """Its run is open, and this is its model."""
        if place in self.under_way:
            self.under_way[place] = state

    def ended(self, place: Place, status: str, why: str, now: float) -> None:
        """``status``: of its run, or why there was none."""
        stream = self._stream(place.of_stream)
        if place in self.under_way:
            stream.under_way -= 1
            state = self.under_way.pop(place)
            if state is not None:
                stream.done.add(state, now)
                _note_newest(stream.newest, place.slice, state)
        stream.ends[status] += 1
        if status == COMPLETE:
            self.failing.pop(place, None)
        elif status not in _SAYS_NOTHING:
            before = self.failing.get(place)
            self.failing[place] = Failing(1 if before is None else before.times + 1, now, status, why)

    def freshness_known(self, freshness: Freshness, now: float) -> None:
        self.freshness, self.fresh_at = freshness, now
        self.known(freshness.streams)

    # What follows from it

    def sums(self, now: float) -> dict[tuple[str, str], Sums]:
        """By source and stream, with what is under way."""
        found: dict[tuple[str, str], Sums] = {}
        for name, stream in self.streams.items():
            found[name] = Sums()
            found[name].add(stream.done, now)
        for place, state in self.under_way.items():
            if state is not None:
                found[place.of_stream].add(state, now)
        return found

    def newest(self) -> dict[tuple[str, str], float]:
        """When the newest record of the slice happened that is farthest behind, by source and stream."""
        found = {name: dict(stream.newest) for name, stream in self.streams.items()}
        for place, state in self.under_way.items():
            if state is not None:
                _note_newest(found[place.of_stream], place.slice, state)
        return {name: min(newest.values()) for name, newest in found.items() if newest}

    def whole(self, now: float) -> Sums:
        """Of all streams together."""
        whole = Sums()
        for sums in self.sums(now).values():
            whole.add(sums, now)
        return whole

    def rates(self, whole: Sums, now: float) -> tuple[float, float]:
        """Records and pages a second, over the last while; to be asked again and again.

        What one commits that is begun and over between two looks counts as well.
        """
        records, pages = self._measured
        self._records.add(whole.counts.events - records, now)
        self._pages.add(whole.pages_fetched - pages, now)
        self._measured = whole.counts.events, whole.pages_fetched
        return self._records.per_second(now), self._pages.per_second(now)

    @property
    def ends(self) -> Counter[str]:
        ends: Counter[str] = Counter()
        for stream in self.streams.values():
            ends.update(stream.ends)
        return ends

    def _stream(self, name: tuple[str, str]) -> OfStream:
        return self.streams.setdefault(name, OfStream())


def _note_newest(newest: dict[str, float], slice_name: str, state: ProgressState) -> None:
    if state.newest_event_at is not None:
        newest[slice_name] = state.newest_event_at
