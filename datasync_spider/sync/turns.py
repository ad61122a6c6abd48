"""Whose turn it is: among the batches of a run, and among the slices of a process.

Batches, in threads (:class:`CommitOrder`). Invariants: batch k+1 commits after batch k or never. A batch takes a
connection only while every earlier one holds one or is committed, so that none ever waits for a connection which a
later one keeps while it waits for its place. A batch that holds a connection and waits for its place gives way, which
means that it rolls back and gives the connection back, in two cases: when an earlier batch lacks a connection, at once;
and when the wait takes too long, because it may hold keys that someone outside this process needs before our place has
come.

Slices, on the event loop (:class:`Capacity`). A page takes room when it has come, and gives it back when it is
committed or its slice has ended. Whoever would ask for another one while no room is left waits; those that have waited
longest go on first, and one that goes on is taken to get a page as large as its last one. Invariant: a slice that has
nothing on its way never waits, so none is held back by another's trouble. Together they have no more than there is room
for, and a page each.

Nothing here connects, writes or asks; each says what became of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from datasync_spider.errors import DatasyncError, StorageUnavailable


class PredecessorFailed(DatasyncError):
    """An earlier batch will never commit, so this one must not."""


class GaveWay(StorageUnavailable):
    """The batch is to roll back and to begin again; its connection is as good as before."""


class CommitOrder:
    """Shared by the writing threads. Batches are numbered from 1, without a gap."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = 1
        self._failed = False
        self._holding: set[int] = set()
        self._lacking: set[int] = set()

    def wait_to_connect(self, number: int) -> None:
        """Returns when all batches before ``number`` hold a connection or are committed.

        Raises PredecessorFailed when one of them has been given up.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failed or self._holding.issuperset(range(self._next, number)))
            self._check_failed(number)

    def holds(self, number: int) -> None:
        """The batch has a connection."""
        with self._changed:
            self._lacking.discard(number)
            self._holding.add(number)
            self._changed.notify_all()

    def lets_go(self, number: int) -> None:
        """The batch has lost its connection, or given it back: no later one takes one until it has another."""
        with self._changed:
            self._holding.discard(number)

    def lacks(self, number: int) -> None:
        """The batch waits for a connection: later ones must not keep theirs only to wait."""
        with self._changed:
            self._lacking.add(number)
            self._changed.notify_all()

    def is_void(self, number: int) -> bool:
        """Whether an earlier batch has been given up."""
        with self._changed:
            return self._failed and self._next < number

    def wait(self, number: int, timeout_seconds: float | None) -> None:
        """Returns when all batches before ``number`` are committed.

        Raises PredecessorFailed when one of them has been given up, GaveWay when the time is over, or when one of them
        needs a connection while this one holds one.
        """
        with self._changed:
            in_time = self._changed.wait_for(
                lambda: self._failed or self._next >= number or self._is_in_the_way(number), timeout_seconds
            )
            if self._next >= number:
                return
            self._check_failed(number)
            why = "cannot get a connection" if in_time else f"did not commit in {timeout_seconds} s"
            raise GaveWay(f"batch {number} gave way: an earlier one {why}")

    def committed(self, number: int) -> None:
        with self._changed:
            self._next = number + 1
            self._holding.discard(number)
            self._lacking.discard(number)
            self._changed.notify_all()

    def fail(self) -> None:
        """No batch whose place has not come will ever commit, or get a connection."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def _is_in_the_way(self, number: int) -> bool:
        return number in self._holding and any(lacking < number for lacking in self._lacking)

    def _check_failed(self, number: int) -> None:
        if self._failed and self._next < number:
            raise PredecessorFailed(f"batch {number} is void: an earlier one failed")


class Capacity:
    """For pages on their way to the database: so many bytes, whichever slices they are of."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._taken_bytes = 0
        self._waiting: deque[tuple[Share, asyncio.Future[None]]] = deque()

    @property
    def is_full(self) -> bool:
        return self._taken_bytes >= self._most_bytes

    def change(self, taken_bytes: int) -> None:
        """So many more are taken, or fewer."""
        self._taken_bytes += taken_bytes
        if taken_bytes < 0:
            self._let_go_on()

    def _let_go_on(self) -> None:
        for share, turn in self._waiting:
            if share.may_ask and not turn.done():
                share.expect()
                turn.set_result(None)

    async def turn(self, share: Share) -> None:
        """Returns when it may ask."""
        if share.may_ask:
            share.expect()
            return
        turn = asyncio.get_running_loop().create_future()
        waiting = share, turn
        self._waiting.append(waiting)
        try:
            await turn
        finally:
            self._waiting.remove(waiting)


class Share:
    """What one slice has of it."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._taken_bytes = self._expected_bytes = self._last_bytes = 0

    @property
    def may_ask(self) -> bool:
        """Whether another page may be asked for now."""
        return not self._taken_bytes or not self._capacity.is_full

    async def turn(self) -> None:
        """Returns when another page may be asked for, which is expected from then on."""
        await self._capacity.turn(self)

    def expect(self) -> None:
        """A page has been let go on for, after a wait."""
        if not self._expected_bytes:
            self._expected_bytes = self._last_bytes
            self._capacity.change(self._expected_bytes)

    def take(self, page_bytes: int) -> None:
        """A page has come."""
        more = page_bytes - self._expected_bytes
        self._taken_bytes += page_bytes
        self._expected_bytes, self._last_bytes = 0, page_bytes
        self._capacity.change(more)

    def give_back(self, page_bytes: int) -> None:
        """So much of what has come is committed; of pages that somebody has made, perhaps more than has come."""
        page_bytes = min(page_bytes, self._taken_bytes)
        self._taken_bytes -= page_bytes
        self._capacity.change(-page_bytes)

    def close(self) -> None:
        """Whatever the slice has is let go of."""
        left = self._taken_bytes + self._expected_bytes
        self._taken_bytes = self._expected_bytes = 0
        self._capacity.change(-left)
