"""The walk through the feed: page numbers, the cycle guard, restarts from the head. Pure.

A walk is an unbroken chain of cursors. When the server lets a cursor expire, the pass goes on in a new walk that
starts at the head, or at the oldest event of the pass where the API honours ``until``. Whether it does shows in the
answer: every event of the page is old enough, while the stream is known to hold newer ones. An API that ignores
``until`` has then simply served the head. One that rounds it down leaves a gap: the page does not reach back up to the
event that was asked for, and is not used.

A run that goes on from a stored position gives it up, at most once, where the API has no use for it any more: it is
refused, it leads back to where the walk has been, or it is answered with an end that nothing proves. A new walk from
the head is always right, and a position that is kept for ever may never be. A pass that begins with a bookmark has that
in the head's place; it is given up in the same way, and then the pass is a full one.

Invariant: a new walk covers at least what lies behind the last committed page, and walks that bring nothing new, and
pages that bring nothing new within one, are few.
"""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.errors import FatalError
from datasync_spider.records.page import Page
from datasync_spider.records.pagetrail import PageTrail
from datasync_spider.records.trail import CursorTrail, digest
from datasync_spider.storage.runs import ResumePoint

_RESTARTS_WITHOUT_PROGRESS = 3
# Between 1970 and the year 9999. Sources write a time that they do not know as the first or the last one that they can:
# such a one says nothing about what lies behind it, and an API may not even take it.
_TELLING_TIMES_MS = range(1, 253_370_764_800_000)


class NoProgress(FatalError):
    """Cursors expire before they bring anything new."""

    reason = "cursor_expires_too_fast"


class Step(Struct, frozen=True):
    """What one page means for the walk. ``expected_total`` is set where the page speaks for the whole feed."""

    number: int
    walk: int
    next_cursor: str | None
    expected_total: int | None


class PageNumbers:
    """Of one run, whose pages may be of several walks: from 1, as they come."""

    def __init__(self) -> None:
        self.last = 0

    def take(self) -> int:
        self.last += 1
        return self.last


class Walk:
    """The spider's memory of one chain. ``since_us``: what the present walk asks from.

    ``bounds_ms``: the window of time that it asks for, None for no window.
    """

    bounds_ms: tuple[int, int] | None = None

    def __init__(self, resume: ResumePoint, numbers: PageNumbers | None = None) -> None:
        self._head = resume.bookmark
        self._cursor = resume.bookmark if resume.cursor is None else resume.cursor
        self._number = resume.walk
        self._pass_since_us = resume.pass_since_us
        self.since_us = resume.walk_since_us
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
        """Of this walk within its pass, from 1."""
        return self._number

    @property
    def next_page(self) -> int:
        """The number that the next page of the run will have."""
        return self._numbers.last + 1

    @property
    def head(self) -> str | None:
        """Where a new walk of the pass begins: its bookmark, or None, which is the head of the feed."""
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

    def step(self, page: Page, cursor: str | None, until_ms: int | None) -> Step:
        """Takes in a page that was asked for with this cursor and ``until``.

        Raises CursorRepeated where the next cursor has been asked for before in this walk, NoNewRecords or
        OnlyEmptyPages where the pages of the walk have brought nothing for too long.
        """
        if page.next_cursor is not None:
            self._trail.follow(page.next_cursor)
        self._page_trail.follow(page)
        self._pages += 1
        is_head = cursor is None and (until_ms is None or not self._honours(page, until_ms))
        # A walk that asks from a later time than its pass is told of less than that.
        is_head = is_head and self.since_us == self._pass_since_us
        return Step(self._numbers.take(), self._number, page.next_cursor, page.total if is_head else None)

    def restart(self, accounted: int | None, since_us: int | None = None) -> None:
        """Begins a new walk; ``accounted``: how many different events are stored or rejected by now, None if unknown.

        ``since_us``: what the walk is to ask from.

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
        """Begins a new walk at the head, instead of going on where an earlier run or pass has ended."""
        if cursor is not None and cursor == self._head:
            self._head, self._is_widened = None, True
        self._begin(since_us)

    def begin_anew(self) -> bool:
        """Begins a new walk at the head of the feed, whatever the pass has begun with. False where it has done so."""
        if self._is_widened:
            return False
        self._head, self._is_widened = None, True
        self._begin(None)
        return True

    def begin_pass(self, resume: ResumePoint) -> None:
        """Begins a new walk in a new pass."""
        self._pass_since_us = resume.pass_since_us
        self._total_is_known = False
        self._accounted_at_restart, self._idle_restarts = -1, 0
        self._begin(resume.walk_since_us)

    def _new_number(self) -> int:
        return self._number + 1

    def _begin(self, since_us: int | None) -> None:
        self._number = self._new_number()
        self.since_us = since_us
        self._has_restarted = True
        self._trail = CursorTrail(() if self._head is None else (digest(self._head),))
        self._page_trail = PageTrail()

    def ends_unproven(self, page: Page, cursor: str | None) -> bool:
        """Whether the stored position is answered with an empty last page, and no total could tell that from the end.

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
        if oldest_ms not in _TELLING_TIMES_MS:
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
