"""What is due in the database, asked and answered beside the event loop.

Invariant: the event loop never waits for PostgreSQL. A claim that is not given back runs out by itself.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from datasync_spider.storage.due import Among, Due, SliceKey, claim, register, release, seconds_to_next
from datasync_spider.storage.retrying import once_more

if TYPE_CHECKING:
    import asyncio

    from datasync_spider.fleet.roster import Roster
    from datasync_spider.storage.connection import Connection
    from datasync_spider.sync.services import Services

_T = TypeVar("_T")


class Claims:
    """Used from the event loop, but for :meth:`register`."""

    def __init__(self, services: Services) -> None:
        self._pool = services.pool
        self._process = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        self._worker = services.worker()

    def take(self, limit: int, slices: Iterable[tuple[str, str]]) -> asyncio.Future[tuple[list[Due], float | None]]:
        """At most so many of these that are due, and in how many seconds there may be more; None: never."""
        # No streams, or everything would be meant where there are no slices.
        among = Among((), tuple(slices))

        def ask(connection: Connection) -> tuple[list[Due], float | None]:
            found = claim(connection, limit, self._process, among)
            # Where there were as many as were asked for, there may be more already.
            return found, 0.0 if len(found) == limit else seconds_to_next(connection, among)

        return self._worker.submit(lambda: self._use(ask))

    def give_back(self, keys: Sequence[SliceKey]) -> asyncio.Future[None]:
        """The slices are as due as they were, for any process."""
        return self._worker.submit(lambda: self._use(lambda connection: release(connection, keys, self._process)))

    def register(self, roster: Roster, former: Iterable[str] = ()) -> None:
        """Notes what files and settings name now. ``former``: sources of which there may be none any more."""

        def note(connection: Connection) -> None:
            for name, source in roster.sources.items():
                register(connection, name, source.rhythms, is_all=source.is_all)
            for name in former:
                register(connection, name, ())

        self._use(note)

    def submit(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Does what blocks in the thread of the claims."""
        return self._worker.submit(work)

    def _use(self, work: Callable[[Connection], _T]) -> _T:
        def once() -> _T:
            with self._pool.connected(connect_timeout_seconds=2) as connection:
                return work(connection)

        return once_more(once)
