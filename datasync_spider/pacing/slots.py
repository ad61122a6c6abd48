"""The slots that one process holds of a credential's budget, and what it has to report of them.

Where they come from and how they are counted is :mod:`datasync_spider.pacing.book`'s. A slot that is not used soon is
returned: by then the book's hold on it would not outlast the way of a request. Invariant: a report says what is, and
not what has changed, so that it may be made twice; and nothing of it is forgotten before it was received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from msgspec import Struct

HOLD_SECONDS = 6.0
"""So long the book keeps a slot for a process that says nothing more."""
FRESH_SECONDS = 2.0
"""So long after it was asked for a slot may be used."""

# One asks so often at most while one goes as fast as one can.
_ASKS_APART_SECONDS = 0.25
_MOST = 1_000


class Closed(NamedTuple):
    """A slot of the grant ``number``. ``at``: when it was used; None: never."""

    number: int
    at: float | None


class WindowHeard(NamedTuple):
    """What an answer has reported of a window. ``after``, ``by``: the bounds of its end.

    ``number``: of the grant that its request had a slot of; -1: it needed none.
    """

    number: int
    limit: int
    remaining: int
    after: float
    by: float


class Report(NamedTuple):
    """``left``: slots at hand or under way, by the grant's number. ``closed``: in the order in which they were.

    Moments are by the process's own clock.
    """

    who: str
    left: Mapping[int, int]
    closed: tuple[Closed, ...] = ()
    windows: tuple[WindowHeard, ...] = ()


class _Held(Struct):
    """Of one grant. ``unused``: at hand."""

    asked_at: float
    unused: int
    under_way: int = 0


class HeldSlots:
    """``now`` is the process's monotonic clock throughout; ``which`` distinguishes requests under way."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._grants: dict[int, _Held] = {}
        self._sent: dict[Hashable, int] = {}
        self._closed: deque[Closed] = deque()
        self._heard: dict[int, WindowHeard] = {}
        self._last_asked_at = -1.0
        self._portion = 1
        self._numbers = 0

    @property
    def is_reported(self) -> bool:
        """Whether there is nothing that the book does not know."""
        return not self._closed and not self._heard

    @property
    def are_held(self) -> bool:
        return bool(self._grants)

    def at_hand(self, now: float) -> bool:
        """Whether a request may leave now."""
        for number, held in list(self._grants.items()):
            if held.unused and now >= held.asked_at + FRESH_SECONDS:
                self._return(number, held)
        return any(held.unused for held in self._grants.values())

    def return_all(self) -> None:
        """None is needed any more."""
        for number, held in list(self._grants.items()):
            self._return(number, held)

    def _return(self, number: int, held: _Held) -> None:
        self._closed.extend([Closed(number, None)] * held.unused)
        held.unused = 0
        self._forget(number, held)

    def _forget(self, number: int, held: _Held) -> None:
        if not held.unused and not held.under_way:
            del self._grants[number]

    def request_sent(self, which: Hashable) -> None:
        """It leaves, where a slot is at hand."""
        number, held = next((number, held) for number, held in self._grants.items() if held.unused)
        held.unused -= 1
        held.under_way += 1
        self._sent[which] = number

    def request_ended(self, which: Hashable, now: float) -> None:
        """Its answer begins, or none will come. Where it is not under way it says nothing."""
        number = self._sent.pop(which, None)
        if number is None:
            return
        held = self._grants[number]
        held.under_way -= 1
        self._closed.append(Closed(number, now))
        self._forget(number, held)

    def heard(self, which: Hashable, limit: int, remaining: int, after: float, by: float) -> None:
        """What an answer has reported. The latest counts, and of requests of one grant the least that remains."""
        number = self._sent.get(which, -1)
        earlier = self._heard.get(limit)
        if earlier is not None and number <= earlier.number:
            if number < earlier.number:
                return
            remaining, after, by = min(remaining, earlier.remaining), min(after, earlier.after), min(by, earlier.by)
        self._heard[limit] = WindowHeard(number, limit, remaining, after, by)

    def next_ask(self, now: float) -> tuple[int, int]:
        """Number and size of the next grant: as much as will be used until it is fair to ask again."""
        apart = now - self._last_asked_at
        if apart < _ASKS_APART_SECONDS:
            self._portion = min(2 * self._portion, _MOST)
        elif apart > 2 * _ASKS_APART_SECONDS:
            self._portion = max(1, self._portion // 2)
        self._last_asked_at = now
        self._numbers += 1
        return self._numbers, self._portion

    def given(self, number: int, slots: int, asked_at: float) -> None:
        """``asked_at``: before the question left."""
        self._portion = max(1, slots)
        if slots:
            self._grants[number] = _Held(asked_at, slots)

    def report(self) -> Report:
        """What is."""
        return Report(
            self.who,
            {number: held.unused + held.under_way for number, held in self._grants.items()},
            tuple(self._closed),
            tuple(self._heard.values()),
        )

    def received(self, report: Report) -> None:
        """It is in the book; more may have happened since."""
        for _ in report.closed:
            self._closed.popleft()
        for window in report.windows:
            if self._heard.get(window.limit) == window:
                del self._heard[window.limit]
