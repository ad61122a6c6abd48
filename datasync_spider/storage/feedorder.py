"""The order of a page's times: whether they fall from event to event, and which events are its ends. Pure.

Invariant: an event without a time proves no order, and is no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from datasync_spider.storage.batch import Watermark

Ends: TypeAlias = tuple[bool, Watermark | None, Watermark | None, Watermark | None, Watermark | None]
"""What is known of the times of a page, as the compiled scanner reports it of events that are as they came.

Whether all events have a time and none is newer than the one before it; the first and the last event that has a time;
the newest and the oldest one, of several of one time those with the greatest and with the least id.
"""


class PageTimes(Struct, frozen=True):
    """The events of a page that have a time, in microseconds since 1970-01-01 UTC, in the page's order.

    ``never_rise``: all events have one, and none is newer than the one before it.
    """

    event_ids: list[str]
    times_us: list[int]
    never_rise: bool

    @classmethod
    def of(cls, event_ids: list[str], times_us: list[int | None]) -> PageTimes:
        """``times_us`` has None where an event has no time."""
        if times_us[:1] != [None]:
            try:
                return cls._of_known(event_ids, times_us)  # type: ignore[arg-type] # TypeError
            except TypeError:
                pass
        known = [(event_id, time) for event_id, time in zip(event_ids, times_us, strict=True) if time is not None]
        return cls([event_id for event_id, _ in known], [time_us for _, time_us in known], never_rise=False)

    @classmethod
    def _of_known(cls, event_ids: list[str], times_us: list[int]) -> PageTimes:
        """Raises TypeError where one of several is None: sorting compares each of them with another one."""
        return cls(event_ids, times_us, never_rise=times_us == sorted(times_us, reverse=True))

    def ends(self) -> Ends:
        if not self.times_us:
            return self.never_rise, None, None, None, None
        first, last = (self.times_us[0], self.event_ids[0]), (self.times_us[-1], self.event_ids[-1])
        return self.never_rise, first, last, *self.watermarks()

    def watermarks(self) -> tuple[Watermark | None, Watermark | None]:
        """The newest and the oldest event; of several of one time those with the greatest and with the least id."""
        if not self.times_us:
            return None, None
        times_us, event_ids = self.times_us, self.event_ids
        if self.never_rise:
            newest_us, oldest_us = times_us[0], times_us[-1]
            newest = event_ids[: _length_of_first_run(times_us)]
            oldest = event_ids[-_length_of_first_run(reversed(times_us)) :]
        else:
            newest_us, oldest_us = max(times_us), min(times_us)
            newest, oldest = self._ids_at(newest_us), self._ids_at(oldest_us)
        return (newest_us, max(newest)), (oldest_us, min(oldest))

    def _ids_at(self, time_us: int) -> list[str]:
        return [event_id for event_id, time in zip(self.event_ids, self.times_us, strict=True) if time == time_us]


def _length_of_first_run(times_us: Iterable[int]) -> int:
    """How many of the first times are the same; of one time at least."""
    times = iter(times_us)
    first = next(times)
    run = 1
    for time_us in times:
        if time_us != first:
            break
        run += 1
    return run
