"""The chain of pages that a slice is read by: page numbers, the cycle guard, restarts from the head. Pure.

A chain is unbroken: each page follows from the one before. When the server lets a cursor expire, the pass goes on in a
new chain that starts at the head, or at the oldest event of the pass where the API honours ``until``. Whether it does
shows in the answer: every event of the page is old enough, while the stream is known to hold newer ones. An API that
ignores ``until`` has then simply served the head. One that rounds it down leaves a gap: the page does not reach back up
to the event that was asked for, and is not used.

A run that goes on from a stored position gives it up, at most once, where the API has no use for it any more: it is
refused, it leads back to where the chain has been, or it is answered with an end that nothing proves. A new chain from
the head is always right, and a position that is kept for ever may never be. A pass that begins with a bookmark has that
in the head's place; it is given up in the same way, and then the pass is a full one.

A run follows one chain, or one for each window of time that is under way. Its pages are numbered as they come, without
a gap, whichever chain they are of; what a page says of the run's position holds for all chains, with this page and all
before it taken in. So whoever commits pages in the order of their numbers may save the position of the last of them.

Invariant: a new chain covers at least what lies behind the last committed page, and chains that bring nothing new, and
pages that bring nothing new within one, are few.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from datasync_spider.errors import FatalError
from datasync_spider.items import EventPage
from datasync_spider.records.page import Page
from datasync_spider.records.pagetrail import PageTrail
from datasync_spider.records.trail import CursorTrail, digest
from datasync_spider.sources.timetexts import instant_ms, unit_us
from datasync_spider.sources.windows import Window, Windows
from datasync_spider.storage.runs import ResumePoint

if TYPE_CHECKING:
    from datasync_spider.errors import WindowTooLarge
    from datasync_spider.sources.spec import Incremental, Stream

logger = logging.getLogger(__name__)

_RESTARTS_WITHOUT_PROGRESS = 3
# Between 1970 and the year 9999. Sources write a time that they do not know as the first or the last one that they can:
# such a one says nothing about what lies behind it, and an API may not even take it.
_PLAUSIBLE_TIMES_MS = range(1, 253_370_764_800_000)


class NoProgress(FatalError):
    """Cursors expire before they bring anything new."""

    reason = "cursor_expires_too_fast"


class PageNumbers:
    """Of one run, whose pages may be of several chains: from 1, as they come."""

    def __init__(self) -> None:
        self.last = 0

    def take(self) -> int:
        self.last += 1
        return self.last


class Chain:
    """The memory of one chain. ``since_us``: what the present chain asks from.

    ``bounds_ms``: the window of time that it asks for, None for no window.
    """

    bounds_ms: tuple[int, int] | None = None

    def __init__(self, resume: ResumePoint, numbers: PageNumbers | None = None) -> None:
        self._head = resume.bookmark
        self._cursor = resume.bookmark if resume.cursor is None else resume.cursor
        self._number = resume.chain
        self._pass_since_us = resume.pass_since_us
        self.since_us = resume.chain_since_us
        self._numbers = numbers or PageNumbers()
        self._is_widened = False
        self._trail = CursorTrail(digest(cursor) for cursor in (*resume.trail, self._cursor) if cursor is not None)
        self._page_trail = PageTrail()
        self._total_is_known = resume.expected_total is not None
        self._has_restarted = False
        self._pages = 0
        self._accounted_at_restart = -1
        self._idle_restarts = 0
        self._is_until_useless = False

    @property
    def number(self) -> int:
        """Of this chain within its pass, from 1."""
        return self._number

    @property
    def next_page(self) -> int:
        """The number that the next page of the run will have."""
        return self._numbers.last + 1

    @property
    def head(self) -> str | None:
        """Where a new chain of the pass begins: its bookmark, or None, which is the head of the feed."""
        return self._head

    @property
    def is_widened(self) -> bool:
        """Whether the bookmark is given up: the pass has begun anew as a full one."""
        return self._is_widened

    def first_cursor(self) -> str | None:
        """Where the run starts; None is the head."""
        return self._cursor

    def is_stored_position(self, cursor: str | None) -> bool:
        """Whether this is the position of an earlier run, which may be given up: nothing has come of it in this one.

        Or of an earlier pass, be it that this one has begun with it before.
        """
        if cursor is None:
            return False
        return cursor == self._head or (self._pages == 0 and not self._has_restarted)

    def take_in(self, page: Page, item: EventPage, until_ms: int | None) -> None:
        """A page that was asked for with the item's cursor and ``until``: the item is given its place.

        Its ``expected_total`` is set where the page speaks for the whole feed. Raises CursorRepeated where the next
        cursor has been asked for before in this chain, NoNewRecords or OnlyEmptyPages where the pages of the chain have
        brought nothing for too long.
        """
        if page.next_cursor is not None:
            self._trail.follow(page.next_cursor)
        self._page_trail.follow(page)
        self._pages += 1
        is_head = item.cursor is None and (until_ms is None or not self._honours(page, until_ms))
        # A chain that asks from a later time than its pass has the total of less than that.
        is_head = is_head and self.since_us == self._pass_since_us
        item.number, item.chain = self._numbers.take(), self._number
        item.next_cursor, item.expected_total = page.next_cursor, page.total if is_head else None

    def restart(self, accounted: int | None, since_us: int | None = None) -> None:
        """Begins a new chain; ``accounted``: how many different events are stored or rejected by now, None if unknown.

        ``since_us``: what the chain is to ask from.

        Raises NoProgress after several restarts between which nothing new came.
        """
        if accounted is not None:
            has_grown = accounted > self._accounted_at_restart
            self._idle_restarts = 0 if has_grown else self._idle_restarts + 1
            self._accounted_at_restart = accounted
        if self._idle_restarts >= _RESTARTS_WITHOUT_PROGRESS:
            raise NoProgress(
                f"cursors expired {self._idle_restarts + 1} times without one new event between them:"
                " pages take longer than cursors live"
            )
        self._begin(since_us)

    def give_up_position(self, cursor: str | None = None, since_us: int | None = None) -> None:
        """Begins a new chain at the head, instead of going on where an earlier run or pass has ended."""
        if cursor is not None and cursor == self._head:
            self._head, self._is_widened = None, True
        self._begin(since_us)

    def begin_anew(self) -> bool:
        """Begins a new chain at the head of the feed, whatever the pass has begun with. False where it has done so."""
        if self._is_widened:
            return False
        self._head, self._is_widened = None, True
        self._begin(None)
        return True

    def begin_pass(self, resume: ResumePoint) -> None:
        """Begins a new chain in a new pass."""
        self._pass_since_us = resume.pass_since_us
        self._total_is_known = False
        self._accounted_at_restart, self._idle_restarts = -1, 0
        self._begin(resume.chain_since_us)

    def _new_number(self) -> int:
        return self._number + 1

    def _begin(self, since_us: int | None) -> None:
        self._number = self._new_number()
        self.since_us = since_us
        self._has_restarted = True
        self._trail = CursorTrail(() if self._head is None else (digest(self._head),))
        self._page_trail = PageTrail()

    def ends_unproven(self, page: Page, cursor: str | None) -> bool:
        """Whether the stored position is answered with an empty last page, and no total shows that it is no end.

        Some APIs take a cursor that they do not know for one behind the last record.
        """
        # A durable token says that the API knows where it is.
        is_empty_end = not page.has_more and not page.raw_events and page.tail is None
        return is_empty_end and not self._total_is_known and self.is_stored_position(cursor)

    def until_ms(self, oldest_ms: int | None, newest_ms: int | None) -> int | None:
        """The ``until`` worth trying for a pass whose oldest event is this old: only where the answer can be judged.

        One more than the oldest, so that its whole millisecond is read again whether the bound is inclusive or not.
        """
        if self._is_until_useless or oldest_ms is None or newest_ms is None or newest_ms <= oldest_ms + 1:
            return None
        if oldest_ms not in _PLAUSIBLE_TIMES_MS:
            return None
        return oldest_ms + 1

    def leaves_a_gap(self, page: Page, until_ms: int | None) -> bool:
        """Whether the page begins behind the event whose time was asked for; ``until`` is not tried again then.

        That event is stored, so an API that takes ``until`` at its word serves it once more.
        An empty page lacks it too.
        """
        if until_ms is None:
            return False
        if not page.raw_events:
            self.forget_until()
            return True
        if not self._honours(page, until_ms):
            return False
        times = [time for time in page.parse().times_us if time is not None]
        self._is_until_useless = max(times) < (until_ms - 1) * 1000
        return self._is_until_useless

    def forget_until(self) -> None:
        """The API has no use for it, so it is not tried again."""
        self._is_until_useless = True

    def _honours(self, page: Page, until_ms: int) -> bool:
        times = page.parse().times_us
        return bool(times) and all(time is not None and time <= until_ms * 1000 for time in times)


class Chains(Protocol):
    """What the spider asks of them."""

    def begin(self) -> list[Chain]:
        """The chains that the run begins with."""
        ...

    def take_in(self, chain: Chain, page: EventPage, tail: str | None) -> list[Chain]:
        """A page of this chain: it is given what it says of position and end. Gives the chains that begin now.

        ``tail``: the durable token that the page has.
        """
        ...

    def split(self, chain: Chain, error: WindowTooLarge) -> list[Chain]:
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
        self._chain = Chain(resume)
        self._is_resumable = is_resumable

    def begin(self) -> list[Chain]:
        return [self._chain]

    def take_in(self, chain: Chain, page: EventPage, tail: str | None) -> list[Chain]:
        page.is_widened = chain.is_widened
        if page.ends_pass and self._is_resumable:
            # The token that the pass began with is as good as it was.
            page.bookmark = tail or chain.head
            if tail is None:
                logger.warning(
                    "the last page has no durable token: the next sync %s",
                    "begins where this one has begun" if page.bookmark else "is a full one",
                )
        return []

    def split(self, chain: Chain, error: WindowTooLarge) -> list[Chain]:
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
        first = resume.chain if resume.begins_pass else resume.chain + 1
        until = int(now - incremental.lag_seconds)
        self._windows = Windows.begin(start, until, first) if under_way is None else under_way

    def begin(self) -> list[Chain]:
        return self._begun()

    def take_in(self, chain: Chain, page: EventPage, tail: str | None) -> list[Chain]:
        before = self._windows.text()
        self._windows.move(chain.number, page.next_cursor)
        # One that is complete only as a whole: what an API says of a window's records says nothing of the stream's.
        page.expected_total = None
        page.position = self._windows.text()
        page.ends_pass = None
        if self._windows.is_finished:
            # Where the pass is refused its verdict, the last page is asked for again.
            page.ends_pass, page.bookmark, page.position = "last_page", page.position, before
        return self._begun()

    def split(self, chain: Chain, error: WindowTooLarge) -> list[Chain]:
        if not self._windows.split(chain.number):
            raise error
        logger.info("a window of time is too large for the API, asking for its two halves: %s", error)
        return self._begun()

    def _begun(self) -> list[Chain]:
        return [self._chain_of(window) for window in self._windows.take(self._step, self._parallel)]

    def _chain_of(self, window: Window) -> Chain:
        resume = replace(
            self._resume, cursor=window.position, chain=window.chain, trail=(), expected_total=None, bookmark=None
        )
        bounds_ms = (window.begin - self._before) * 1000, window.end * 1000
        return _WindowChain(resume, self._numbers, self._windows, bounds_ms)


class _WindowChain(Chain):
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
