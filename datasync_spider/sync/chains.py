"""The chains of pages that a run follows: one, or one for each window of time that is under way.

Invariant: pages are numbered as they come, without a gap, whichever chain they are of; what a page says of the run's
position holds for all chains, with this page and all before it taken in. So whoever commits pages in the order of their
numbers may save the position of the last of them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from datasync_spider.sources.timetexts import instant_ms, unit_us
from datasync_spider.sources.windows import Window, Windows
from datasync_spider.spiders.walk import PageNumbers, Walk

if TYPE_CHECKING:
    from datasync_spider.errors import WindowTooLarge
    from datasync_spider.items import EventPage
    from datasync_spider.sources.spec import Incremental, Stream
    from datasync_spider.storage.runs import ResumePoint

logger = logging.getLogger(__name__)


class Chains(Protocol):
    """What the spider asks of them."""

    def begin(self) -> list[Walk]:
        """The chains that the run begins with."""
        ...

    def take_in(self, walk: Walk, page: EventPage, tail: str | None) -> list[Walk]:
        """A page of this chain: it is given what it says of position and end. Gives the chains that begin now.

        ``tail``: the durable token that the page has.
        """
        ...

    def split(self, walk: Walk, error: WindowTooLarge) -> list[Walk]:
        """The API gives no more of this chain: the chains that begin in its place. Raises the error where none can."""
        ...


def chains_of(stream: Stream, resume: ResumePoint, *, is_backfill: bool) -> Chains:
    """A backfill has a window of its own, and is one chain whatever the stream's passes are."""
    if stream.incremental.type == "window" and not is_backfill:
        return WindowChains(resume, stream.incremental, time.time())
    return OneChain(resume, is_resumable=stream.end.resumable and not is_backfill)


class OneChain:
    """``is_resumable``: its end has a durable token."""

    def __init__(self, resume: ResumePoint, *, is_resumable: bool = False) -> None:
        self._walk = Walk(resume)
        self._is_resumable = is_resumable

    def begin(self) -> list[Walk]:
        return [self._walk]

    def take_in(self, walk: Walk, page: EventPage, tail: str | None) -> list[Walk]:
        page.is_widened = walk.is_widened
        if page.ends_pass and self._is_resumable:
            # The token that the pass began with is as good as it was.
            page.bookmark = tail or walk.head
            if tail is None:
                logger.warning(
                    "the last page has no durable token: the next sync %s",
                    "begins where this one has begun" if page.bookmark else "is a full one",
                )
        return []

    def split(self, walk: Walk, error: WindowTooLarge) -> list[Walk]:
        raise error


class WindowChains:
    """One chain for each window that is under way. ``now``: seconds since the epoch, when the run begins."""

    def __init__(self, resume: ResumePoint, incremental: Incremental, now: float) -> None:
        assert incremental.start is not None
        assert incremental.step_seconds is not None
        self._resume = resume
        self._numbers = PageNumbers()
        self._step = max(1, int(incremental.step_seconds))
        self._parallel = incremental.parallel
        # A server to which the very time does not belong is asked for the time before it, as its form can say it.
        self._before = 0 if incremental.inclusive else max(1, unit_us(incremental.format) // 1_000_000)
        start = instant_ms(incremental.start) // 1000
        if resume.bookmark is not None:
            reached = _read(resume.bookmark)
            if reached is not None:
                start = max(min(start, reached.floor), reached.floor - int(incremental.overlap_seconds))
        under_way = None if resume.cursor is None else _read(resume.cursor)
        # A number that a chain of the pass may have had is not used again.
        first = resume.walk if resume.begins_pass else resume.walk + 1
        until = int(now - incremental.lag_seconds)
        self._windows = Windows.begin(start, until, first) if under_way is None else under_way

    def begin(self) -> list[Walk]:
        return self._begun()

    def take_in(self, walk: Walk, page: EventPage, tail: str | None) -> list[Walk]:
        before = self._windows.text()
        self._windows.move(walk.number, page.next_cursor)
        # One that is complete only as a whole: what an API says of a window's records says nothing of the stream's.
        page.expected_total = None
        page.position = self._windows.text()
        page.ends_pass = None
        if self._windows.is_finished:
            # Where the pass is refused its verdict, the last page is asked for again.
            page.ends_pass, page.bookmark, page.position = "last_page", page.position, before
        return self._begun()

    def split(self, walk: Walk, error: WindowTooLarge) -> list[Walk]:
        if not self._windows.split(walk.number):
            raise error
        logger.info("a window of time is too large for the API, asking for its two halves: %s", error)
        return self._begun()

    def _begun(self) -> list[Walk]:
        return [self._chain(window) for window in self._windows.take(self._step, self._parallel)]

    def _chain(self, window: Window) -> Walk:
        resume = replace(
            self._resume, cursor=window.position, walk=window.walk, trail=(), expected_total=None, bookmark=None
        )
        bounds_ms = (window.begin - self._before) * 1000, window.end * 1000
        return _WindowWalk(resume, self._numbers, self._windows, bounds_ms)


class _WindowWalk(Walk):
    """Where it begins anew, it begins at its window's first page."""

    def __init__(self, resume: ResumePoint, numbers: PageNumbers, windows: Windows, bounds_ms: tuple[int, int]) -> None:
        super().__init__(resume, numbers)
        self._windows = windows
        self.bounds_ms = bounds_ms

    def _new_number(self) -> int:
        return self._windows.begin_anew(self.number)


def _read(text: str) -> Windows | None:
    try:
        return Windows.read(text)
    except ValueError:
        logger.warning("the stored position is not one of windows of time, beginning at the start that the file names")
        return None
