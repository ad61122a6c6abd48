"""The book of a credential's requests: who holds slots, which were used when, and which windows the API has reported.

It is kept in the database and written by one at a time; here is its arithmetic. Each moment in it is one of the
database's clock, in seconds, and ``now`` is that clock's as well. States of a slot, and what a crash leaves:

free      no one's
given     one process may send one request, or has sent it. The process says again and again that it lives; where it
          does not, the slot counts as used at the end of ``HOLD_SECONDS``, by when a request of its has come
used      an answer began then, or none will come. It counts as long as a declared window is, from then on
returned  nothing was sent. It is free at once

Of a window that the API reports so many slots are given as remain, less those under way. It ends at the upper bound of
its end; an answer that was under way then, and may be of either window, counts for neither. Who has to wait is served
in the order of asking. Invariant: no slot is given twice within a window, be it lost, late, or reported twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from datasync_spider.pacing.slots import HOLD_SECONDS, Report, WindowHeard

DECLARED = "declared_budget"
REPORTED = "rate_window"

# Two requests at both ends of a window that is closed at both are in it.
_MARGIN_SECONDS = 0.001
# Of a window of the API's.
_END_MARGIN_SECONDS = 0.02
# Slots under way say nothing of when they are free: their process may.
_LOOK_AGAIN_SECONDS = 0.25
# Someone may have given back what he did not use.
_LONGEST_WAIT_SECONDS = 30.0
# Whoever is first in line and does not come is passed over then.
_LATE_SECONDS = 0.5
# A window's used slots are kept in so many parts, each counted to its end.
_PARTS = 100
# Of what is free one takes so much at most, so that others find something.
_SHARE = 20
_MOST_WINDOWS = 8


class Grant(msgspec.Struct):
    """``left`` slots of a process that are not used yet, or under way. ``until``: no one speaks of them."""

    who: str
    number: int
    left: int
    since: float
    until: float
    limit: int | None = None


class Waiting(msgspec.Struct):
    """One in line."""

    who: str
    until: float


class Window(msgspec.Struct):
    """One that the API reports, known by its limit. ``by``: it has ended then.

    ``is_heard``: an answer has spoken of it; else its end is a guess from the length of the one before.
    """

    limit: int
    reported: int
    taken: int
    began: float
    by: float
    is_heard: bool = True


class Book(msgspec.Struct):
    """``used``: how many at which moment. ``seconds``: for how long they are kept, of the longest declared window."""

    given: list[Grant] = []
    used: list[tuple[float, int]] = []
    waiting: list[Waiting] = []
    windows: list[Window] = []
    seconds: float = 0.0

    @property
    def under_way(self) -> int:
        return sum(grant.left for grant in self.given)


class Declared(NamedTuple):
    """So many requests in so many seconds, wherever they begin."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.requests} requests in {self.seconds:g} s"


class Ask(NamedTuple):
    """``number``: the grant's, of the process's choice. ``limit``: of the window that it is in, if it knows."""

    number: int
    wanted: int
    limit: int | None = None


class Answer(NamedTuple):
    """``slots``: given. None given: ``wait_seconds`` from now it is worth asking again; ``reason``: what is used up.

    ``is_limited``: whether there is anything that slots are given of. ``is_plenty``: one that is held for a moment
    before it is used is missing to no one.
    """

    slots: int = 0
    wait_seconds: float = 0.0
    reason: str = ""
    is_limited: bool = True
    is_plenty: bool = False


class _Capacity(NamedTuple):
    free: int
    wait_seconds: float
    reason: str


def resolve(book: Book, report: Report, declared: Declared | None, now: float, asked_at: float) -> None:
    """Writes down what a process says of its slots, and what has become of those of which no one speaks.

    ``asked_at``: by the process's clock, no later than ``now`` is by the database's.
    """
    if declared is not None:
        book.seconds = max(book.seconds, declared.seconds)
    for grant in book.given:
        if grant.who != report.who and grant.until <= now:
            _use(book, grant.until, grant.left)
            grant.left = 0
    ahead = now - asked_at
    since = {grant.number: grant.since for grant in book.given if grant.who == report.who}
    _resolve_own(book, report, now, ahead)
    book.given = [grant for grant in book.given if grant.left]
    book.used = [(at, count) for at, count in book.used if at + book.seconds + _MARGIN_SECONDS > now]
    if not book.used and declared is None:
        book.seconds = 0.0
    book.waiting = [one for one in book.waiting if one.until > now]
    for window in report.windows:
        heard = window._replace(after=window.after + ahead, by=window.by + ahead)
        _hear(book, heard, now, since.get(window.number))


def _resolve_own(book: Book, report: Report, now: float, ahead: float) -> None:
    own = {grant.number: grant for grant in book.given if grant.who == report.who}
    for number in {*own, *(closed.number for closed in report.closed)}:
        closed = [one.at for one in report.closed if one.number == number]
        grant = own.get(number)
        if grant is not None:
            left = min(grant.left, report.left.get(number, 0))
            gone = grant.left - left
            grant.left, grant.until = left, now + HOLD_SECONDS
            # The first ones were written down if the answer to an earlier report was lost. What no one knows of was
            # given in an answer that was lost.
            lost: list[float | None] = [None] * (gone - len(closed))
            closed = lost + closed[max(0, len(closed) - gone) :]
            _return(book, grant.limit, closed.count(None))
        for at in closed:
            if at is not None:
                _use(book, at + ahead, 1)


def _use(book: Book, at: float, count: int) -> None:
    if not book.seconds or not count:
        return
    part = book.seconds / _PARTS
    at = math.ceil(at / part) * part
    for index, (moment, already) in enumerate(book.used):
        if moment == at:
            book.used[index] = (at, already + count)
            return
    book.used.append((at, count))
    book.used.sort()


def _return(book: Book, limit: int | None, count: int) -> None:
    for window in _windows(book, limit):
        window.taken = max(0, window.taken - count)


def _hear(book: Book, heard: WindowHeard, now: float, since: float | None) -> None:
    """``since``: when the slot was given that the answer is to; None where that is not known."""
    if heard.by <= now:
        return
    window = next((one for one in book.windows if one.limit == heard.limit), None)
    began = now
    if window is not None:
        if window.is_heard and heard.after <= window.by:
            _hear_more(window, heard, since)
            return
        if not window.is_heard:
            # An answer that was under way when the last one ended may be of that.
            if since is None or since < window.began:
                return
            began = window.began
        book.windows.remove(window)
    taken = heard.limit - heard.remaining + book.under_way
    book.windows.append(Window(heard.limit, heard.remaining, taken, began, heard.by))
    del book.windows[:-_MOST_WINDOWS]


def _hear_more(window: Window, heard: WindowHeard, since: float | None) -> None:
    if since is not None and since < window.began:
        return
    window.reported = min(window.reported, heard.remaining)
    if since is not None:
        window.by = min(window.by, heard.by)


def take(book: Book, who: str, ask: Ask, declared: Declared | None, now: float) -> Answer:
    """Gives slots, or a place in line."""
    _begin_windows(book, now)
    ahead = next((index for index, one in enumerate(book.waiting) if one.who == who), len(book.waiting))
    rooms = [] if declared is None else [_declared_capacity(book, declared, ahead + 1, now)]
    rooms += [_window_capacity(book, window, ahead + 1, now) for window in _windows(book, ask.limit)]
    if not rooms:
        return Answer(ask.wanted, is_limited=False)
    book.seconds = max(book.seconds, 0.0 if declared is None else declared.seconds)
    free = min(capacity.free for capacity in rooms) - ahead
    if free < 1:
        longest = max(rooms, key=lambda capacity: capacity.wait_seconds)
        _put_in_line(book, who, now + longest.wait_seconds + _LATE_SECONDS)
        return Answer(0, longest.wait_seconds, longest.reason)
    slots = min(ask.wanted, max(1, free // _SHARE))
    book.waiting = [one for one in book.waiting if one.who != who]
    book.given.append(Grant(who, ask.number, slots, now, now + HOLD_SECONDS, ask.limit))
    for window in _windows(book, ask.limit):
        window.taken += slots
    return Answer(slots, is_plenty=free >= _SHARE)


def _put_in_line(book: Book, who: str, until: float) -> None:
    for one in book.waiting:
        if one.who == who:
            one.until = until
            return
    book.waiting.append(Waiting(who, until))


def _windows(book: Book, limit: int | None) -> Sequence[Window]:
    """Those that a request counts in: where that is not known, all."""
    return [window for window in book.windows if limit is None or window.limit == limit]


def _begin_windows(book: Book, now: float) -> None:
    # One that no answer has spoken of although it is over: the API has ceased to.
    book.windows = [one for one in book.windows if one.is_heard or now < one.by + _END_MARGIN_SECONDS]
    for window in book.windows:
        if now < window.by + _END_MARGIN_SECONDS:
            continue
        length = window.by - window.began
        window.reported, window.taken = window.limit, book.under_way
        window.began, window.by, window.is_heard = now, now + length, False


def _declared_capacity(book: Book, declared: Declared, needed: int, now: float) -> _Capacity:
    ends = [(at + declared.seconds + _MARGIN_SECONDS - now, count) for at, count in book.used]
    counting = [(left, count) for left, count in ends if left > 0]
    free = declared.requests - book.under_way - sum(count for _, count in counting)
    if free >= needed:
        return _Capacity(free, 0.0, DECLARED)
    freed = free
    for left, count in counting:
        freed += count
        if freed >= needed:
            return _Capacity(free, min(left, _LONGEST_WAIT_SECONDS), DECLARED)
    # It depends on those that are under way, which count for a whole window from their end.
    wait_seconds = min(max(_LOOK_AGAIN_SECONDS, declared.seconds / 8), _LONGEST_WAIT_SECONDS)
    return _Capacity(free, wait_seconds, DECLARED)


def _window_capacity(book: Book, window: Window, needed: int, now: float) -> _Capacity:
    free = min(window.limit - window.taken, window.reported - book.under_way)
    if free >= needed:
        return _Capacity(free, 0.0, REPORTED)
    # What is under way may turn out to be counted already.
    is_open = window.limit - window.taken >= needed and window.reported >= needed
    return _Capacity(free, _LOOK_AGAIN_SECONDS if is_open else window.by + _END_MARGIN_SECONDS - now, REPORTED)
