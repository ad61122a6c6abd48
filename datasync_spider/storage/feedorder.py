"""The order of a feed's times: whether they fall from event to event, and which events are a page's ends. Pure.

Invariant: an event without a time proves no order, and is no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from datasync_spider.storage.batch import Watermark


@dataclass(frozen=True, slots=True)
class PageTimes:
    """The events of a page that have a time, in microseconds since 1970-01-01 UTC, in the page's order.

    ``never_rise``: all events have one, and none is newer than the one before it.
    """

    event_ids: list[str]
    times_us: list[int]
    never_rise: bool

    @classmethod
    def of(cls, event_ids: list[str], times_us: list[int | None]) -> PageTimes:
        """``times_us`` has None where an event has no time."""
        known = _known(times_us)
        if len(known) < len(times_us):
            pairs = zip(event_ids, times_us, strict=True)
            return cls([event_id for event_id, time_us in pairs if time_us is not None], known, never_rise=False)
        return cls(event_ids, known, never_rise=known == sorted(known, reverse=True))

    def watermarks(self) -> tuple[Watermark | None, Watermark | None]:
        """The newest and the oldest event; of several of one time those with the greatest and with the least id."""
        if not self.times_us:
            return None, None
        if self.never_rise:
            newest_us, oldest_us = self.times_us[0], self.times_us[-1]
            newest = _first_ids_at(newest_us, self.times_us, self.event_ids)
            oldest = _first_ids_at(oldest_us, reversed(self.times_us), reversed(self.event_ids))
        else:
            newest_us, oldest_us = max(self.times_us), min(self.times_us)
            newest, oldest = self._ids_at(newest_us), self._ids_at(oldest_us)
        return Watermark(newest_us, max(newest)), Watermark(oldest_us, min(oldest))

    def _ids_at(self, time_us: int) -> Iterable[str]:
        return (event_id for event_id, time in zip(self.event_ids, self.times_us, strict=True) if time == time_us)


class FeedOrder:
    """Remembers where the page before ended."""

    def __init__(self) -> None:
        self._walk = 0
        self._last_oldest_us: int | None = None

    def continues(self, walk: int, page: PageTimes) -> bool:
        """Whether times never rise, neither within the page nor from the page before it in the same walk."""
        if walk != self._walk:
            self._walk, self._last_oldest_us = walk, None
        before_us = self._last_oldest_us
        if page.times_us:
            self._last_oldest_us = page.times_us[-1]
        return page.never_rise and (before_us is None or not page.times_us or page.times_us[0] <= before_us)


def _known(times_us: list[int | None]) -> list[int]:
    if None in times_us:
        return [time_us for time_us in times_us if time_us is not None]
    return times_us  # type: ignore[return-value] # no None in it


def _first_ids_at(time_us: int, times_us: Iterable[int], event_ids: Iterable[str]) -> Iterable[str]:
    pairs = zip(times_us, event_ids, strict=True)
    return (event_id for _, event_id in takewhile(lambda pair: pair[0] == time_us, pairs))
