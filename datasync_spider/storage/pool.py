"""The connections of a process: at most so many, whatever the number of slices, lent to threads for a while.

Who takes one says what for (:class:`Use`), and so how many are left for more urgent uses: a short question is not kept
by batches that wait for a lock, nor the leases by either. Where all that one may take are taken one waits, the more
urgent first. A server that gives fewer is no error as long as it gives one: who is refused waits for another's. States
of a connection, and what a failure in each leaves behind:

opening  counted, not there yet                     nothing; its place is free again
lent     in one thread's hands                      what its work says; one that breaks is thrown away with all that are
                                                    idle, since what broke it has broken them
idle     rolled back, for whoever comes next        nothing; what the server has ended is noticed before it is lent
lost     gone for us, perhaps not for the server    its transaction, until it is ended, by its label, before any other
                                                    one is lent; no two connections of all processes have one label

No deadlock: short work takes none while it has one. A batch takes one only when all earlier batches of its slice have
one or are committed, and one that has to wait for an earlier batch gives its own back as soon as that lacks one
(:mod:`datasync_spider.sync.turns`). So of the batches that have one the first of each slice lacks nothing: it
commits, and gives it back.

Invariant: nothing is set on a session, since behind a pooler it may be others' as well. Nothing waits for the server
while it holds the lock in here.
"""

from __future__ import annotations

import itertools
import logging
import select
import threading
import time
import uuid
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import IntEnum
from functools import partial

from msgspec import Struct

from datasync_spider.errors import ConnectionsBusy, StorageUnavailable
from datasync_spider.storage.backends import end_lost_backends
from datasync_spider.storage.connection import (
    Connection,
    close_quietly,
    connect,
    hang_up,
    roll_back,
    translated,
)

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 20.0
"""What short work waits for a connection that others have."""
FEWEST = 3
"""With fewer there is none for the leases beside one that writes and one that asks."""

_OPEN_AGAIN_SECONDS = 1.0
_MOST_IDLE = 2
_IDLE_SECONDS = 20.0


class Use(IntEnum):
    """What a connection is taken for, the most urgent first; so many are left for those that are more urgent."""

    LOOKING_ON = 0
    """To see what others wait for."""
    LEASES = 1
    ASKING = 2
    """What is answered at once, unless someone's lock is in the way."""
    WAITING = 3
    """What may take long: a row that another process has, tokens that a provider is asked for, an index."""
    WRITING = 4

    def share(self, most: int) -> int:
        """How many of so many may be taken, whatever for, where another one is taken for this."""
        return max(1, min(most, 4 - self), most - self)


class Line(Struct, frozen=True, eq=False):
    """A connection, for as long as it is lent. ``label``: the name under which the server lists it."""

    label: str
    connection: Connection
    is_new: bool


class _Idle(Struct, frozen=True):
    label: str
    connection: Connection
    since: float


class _Waiting:
    """A thread that waits. ``turn``: what it waits for, and since when."""

    def __init__(self, turn: tuple[Use, int], lock: threading.Lock) -> None:
        self.turn = turn
        self.woken = threading.Condition(lock)

    def __lt__(self, other: _Waiting) -> bool:
        return self.turn < other.turn


class Pool:
    """``most``: how many connections at most. Used from any thread that may wait."""

    def __init__(self, database_url: str, most: int) -> None:
        self._database_url = database_url
        self._most = max(most, FEWEST)
        self._name = f"datasync {uuid.uuid4().hex[:8]}"
        self._numbers = itertools.count(1)
        self._arrivals = itertools.count()
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        # Being opened, or closed.
        self._unlent = 0
        self._lent: dict[str, Line] = {}
        self._idle: list[_Idle] = []
        self._lost: set[str] = set()
        self._refusal: StorageUnavailable | None = None
        self._refused_until = 0.0
        self._is_closed = False

    @property
    def writers(self) -> int:
        """How many can write at once."""
        return Use.WRITING.share(self._most)

    @contextmanager
    def connected(
        self,
        use: Use = Use.ASKING,
        *,
        wait_seconds: float | None = LONGEST_WAIT_SECONDS,
        connect_timeout_seconds: int = 5,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Iterator[Connection]:
        """A connection for one piece of work: commit is spoken by the caller, anything else is rolled back.

        Raises StorageUnavailable, also where there is none to be had (:meth:`take`).
        """
        lending = self.lent(
            use,
            wait_seconds=wait_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            is_given_up=is_given_up,
        )
        with lending as line:
            yield line.connection

    @contextmanager
    def lent(
        self,
        use: Use,
        *,
        wait_seconds: float | None = LONGEST_WAIT_SECONDS,
        connect_timeout_seconds: int = 5,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Iterator[Line]:
        """The same, for who may have to hang up (:meth:`hang_up`)."""
        line = self.take(
            use,
            wait_seconds=wait_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            is_given_up=is_given_up,
        )
        try:
            with translated():
                yield line
        finally:
            self.give_back(line)

    def take(
        self,
        use: Use,
        *,
        wait_seconds: float | None = LONGEST_WAIT_SECONDS,
        connect_timeout_seconds: int = 5,
        while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Line:
        """A connection, until it is given back or lost.

        Waits happen in ``while_waiting``, and end where ``is_given_up`` (:meth:`look_again`). Raises StorageUnavailable
        where the server gives none and no one here has one, after the wait, or where it is given up.
        """
        ends_at = None if wait_seconds is None else time.monotonic() + wait_seconds
        turn = (use, next(self._arrivals))
        is_refused = False
        while True:
            idle = self._next_one(turn, ends_at, while_waiting, is_given_up)
            if idle is not None:
                line = self._checked(idle)
            else:
                line = self._opened(connect_timeout_seconds, is_again=is_refused)
                is_refused = line is None
            if line is not None:
                self._end_what_is_lost(line)
                return line

    def give_back(self, line: Line) -> None:
        """It is rolled back and there for the next one, or lost where it is broken."""
        # One on which each statement is a transaction has been set so, and is good for nothing else.
        is_usable = not line.connection.autocommit and roll_back(line.connection)
        if not is_usable:
            self.lose(line)
            return
        with self._lock:
            del self._lent[line.label]
            self._idle.append(_Idle(line.label, line.connection, time.monotonic()))
            superfluous = self._superfluous()
            self._wake_next()
        _close_all(superfluous)

    def lose(self, line: Line) -> None:
        """It is closed, and no one's; what broke it has broken the idle ones."""
        with self._lock:
            # It counts until it is closed, and no one hangs up what bears its number by then.
            del self._lent[line.label]
            self._unlent += 1
            self._lost.add(line.label)
            gone: list[_Idle] = []
            if line.connection.closed:
                gone, self._idle = self._idle, gone
        close_quietly(line.connection)
        _close_all(gone)
        with self._lock:
            self._unlent -= 1
            self._wake_next()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for a connection that is opened elsewhere."""
        line = self.take(Use.WAITING, wait_seconds=None)
        with self._lock:
            del self._lent[line.label]
            self._unlent += 1
        close_quietly(line.connection)
        try:
            yield
        finally:
            with self._lock:
                self._unlent -= 1
                self._wake_next()

    def hang_up(self, line: Line) -> None:
        """On our side: whoever has it still, and waits for a server that says nothing, finds it broken."""
        with self._lock:
            if self._lent.get(line.label) is line:
                hang_up(line.connection)

    def look_again(self) -> None:
        """All that wait look whether that is given up."""
        with self._lock:
            for waiting in self._waiting:
                waiting.woken.notify()

    def close(self) -> None:
        """Nothing is kept for later any more."""
        with self._lock:
            self._is_closed = True
            gone, self._idle = self._idle, []
        _close_all(gone)

    def _next_one(
        self,
        turn: tuple[Use, int],
        ends_at: float | None,
        while_waiting: Callable[[], AbstractContextManager[None]],
        is_given_up: Callable[[], bool],
    ) -> _Idle | None:
        """An idle one, or None: the place for a new one."""
        with self._lock:
            mine = _Waiting(turn, self._lock)
            insort(self._waiting, mine)
            try:
                while not self._may_take(mine):
                    if is_given_up():
                        raise StorageUnavailable("no connection was free before it was given up")
                    seconds = self._pause_seconds(ends_at)
                    with while_waiting():
                        mine.woken.wait(seconds)
            finally:
                self._waiting.remove(mine)
                self._wake_next()
            if self._idle:
                idle = self._idle.pop()
                self._lent[idle.label] = Line(idle.label, idle.connection, is_new=False)
                return idle
            self._unlent += 1
            return None

    def _may_take(self, mine: _Waiting) -> bool:
        taken = len(self._lent) + self._unlent
        if self._waiting[0] is not mine or taken >= mine.turn[0].share(self._most):
            return False
        return bool(self._idle) or not self._lent or time.monotonic() >= self._refused_until

    def _pause_seconds(self, ends_at: float | None) -> float | None:
        """Raises ConnectionsBusy where the time is over."""
        now = time.monotonic()
        if ends_at is not None and now >= ends_at:
            refused = f", and the server refuses more: {self._refusal}" if self._refused_until > now else ""
            raise ConnectionsBusy(
                f"no connection was free: {len(self._lent) + self._unlent} are in use (DATABASE_CONNECTIONS is"
                f" {self._most}){refused}"
            )
        moments = [moment for moment in (ends_at, self._refused_until) if moment is not None and moment > now]
        return min(moments) - now if moments else None

    def _opened(self, connect_timeout_seconds: int, *, is_again: bool) -> Line | None:
        """None where the server refuses it, and others here have one that can be waited for, or are about to."""
        label = f"{self._name} {next(self._numbers)}"
        try:
            connection = connect(self._database_url, connect_timeout_seconds=connect_timeout_seconds, label=label)
        except BaseException as error:
            with self._lock:
                self._unlent -= 1
                others_have_some = bool(self._lent or self._idle or (self._unlent and not is_again))
                self._wake_next()
            if not isinstance(error, StorageUnavailable) or not others_have_some:
                raise
            self._is_refused(error)
            return None
        line = Line(label, connection, is_new=True)
        with self._lock:
            self._unlent -= 1
            self._lent[label] = line
        return line

    def _is_refused(self, error: StorageUnavailable) -> None:
        """It is said once: nothing has failed, and it would come again and again."""
        is_first, self._refusal = self._refusal is None, error
        self._refused_until = time.monotonic() + _OPEN_AGAIN_SECONDS
        if is_first:
            logger.warning("a further connection is refused, and one that is there already is waited for: %s", error)

    def _checked(self, idle: _Idle) -> Line | None:
        """None where the server has ended it meanwhile, or the line has: an idle one has nothing to say."""
        line = self._lent[idle.label]
        if not _has_something_to_read(line.connection):
            return line
        close_quietly(line.connection)
        with self._lock:
            del self._lent[line.label]
            self._wake_next()
        return None

    def _end_what_is_lost(self, line: Line) -> None:
        with self._lock:
            lost = tuple(self._lost)
        try:
            for label in lost:
                end_lost_backends(line.connection, label)
                # Not before: others may be lent one meanwhile, and none goes on before it is done.
                with self._lock:
                    self._lost.discard(label)
        except BaseException:
            self.lose(line)
            raise

    def _superfluous(self) -> list[_Idle]:
        """Takes those out that have been idle for long; the last in the list was the last to be used."""
        if self._is_closed:
            gone, self._idle = self._idle, []
            return gone
        too_old = time.monotonic() - _IDLE_SECONDS
        count = sum(idle.since < too_old for idle in self._idle[:-_MOST_IDLE])
        gone, self._idle = self._idle[:count], self._idle[count:]
        return gone

    def _wake_next(self) -> None:
        if self._waiting:
            self._waiting[0].woken.notify()


def looking_on(pool: Pool) -> Callable[[], AbstractContextManager[Connection]]:
    """By one that is not waited for, to see what others wait for."""
    return partial(pool.connected, Use.LOOKING_ON, wait_seconds=0.0, connect_timeout_seconds=2)


def _has_something_to_read(connection: Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _close_all(idle: list[_Idle]) -> None:
    for one in idle:
        close_quietly(one.connection)
