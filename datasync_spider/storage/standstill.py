"""Says why PostgreSQL does not go on: seen from another connection, since the one that waits says nothing.

A COMMIT that no synchronous standby confirms waits for ever, and so does a statement for a lock that is not given back.
Work may take long all the same: what the server is busy with, such as a migration of a large table, is no standstill.
Nothing is ended here: a commit whose wait is cut short would count although no standby has it.

Invariant: looking takes bounded time and never the thread that waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias

from datasync_spider.errors import Stalled, StorageError
from datasync_spider.storage.backends import find_backends_of_run
from datasync_spider.storage.connection import Connection, RowCursor, connected, translated
from datasync_spider.storage.statements import statement

_CONNECT_SECONDS = 2
_LOOKS_PER_TIMEOUT = 20
_LONGEST_PAUSE_SECONDS = 5.0
_SYNC_REP = "SyncRep"
_SILENT = "PostgreSQL does not answer"

LookingOn: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Gives the other connection. It may be refused; then nothing is said."""


class StandstillWatch:
    """Watches a piece of work on the database, by its connection, from a thread of its own.

    The thread is begun when the work is not done by the first look: nearly all of it is, and a thread costs as much.
    """

    def __init__(self, looking_on: LookingOn, timeout_seconds: float) -> None:
        self._looking_on = looking_on
        self._timeout_seconds = timeout_seconds
        self._watched: Connection | None = None
        self._over = threading.Event()
        self._looker: threading.Thread | None = None
        self._began_at = self._moved_at = time.monotonic()
        self._words = _SILENT
        self.pause_seconds = min(timeout_seconds / _LOOKS_PER_TIMEOUT, _LONGEST_PAUSE_SECONDS)
        """How often it is worth asking."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """While the connection is at work. Between two of them, nothing stands still."""
        self._move()
        self._watched = connection
        try:
            yield
        finally:
            self._watched = None

    def check(self) -> None:
        """Raises Stalled where nothing has moved for the whole time allowed. To be asked every ``pause_seconds``."""
        now = time.monotonic()
        if self._looker is None and now - self._began_at >= self.pause_seconds:
            self._looker = threading.Thread(target=self._look_on, name="datasync-standstill", daemon=True)
            self._looker.start()
        idle_seconds = now - self._moved_at
        if self._watched is not None and idle_seconds >= self._timeout_seconds:
            raise Stalled(f"the database has not gone on for {idle_seconds:.0f} s: {self._words}")

    def _move(self) -> None:
        self._moved_at = time.monotonic()

    def _look_on(self) -> None:
        while not self._over.wait(self.pause_seconds):
            watched = self._watched
            if watched is None:
                self._move()
                continue
            asked_at = time.monotonic()
            try:
                with self._looking_on() as own:
                    words = _text_of(own, [watched.server_pid or watched.info.backend_pid])
            except StorageError as error:
                self._words = f"{_SILENT}: {error}"
                continue
            if words is None:
                # As of the question: an answer may have taken long itself.
                self._moved_at = max(self._moved_at, asked_at)
            self._words = words or _SILENT


def looking_on_from(database_url: str) -> LookingOn:
    """By a connection of its own."""
    return partial(connected, database_url, connect_timeout_seconds=_CONNECT_SECONDS)


def standstill_text(looking_on: LookingOn, run_id: int, within_seconds: float) -> str | None:
    """Why what writes to the run's slice does not go on; None where that is not known within this time."""
    found: list[str | None] = []

    def look() -> None:
        try:
            with looking_on() as connection:
                found.append(_text_of(connection, find_backends_of_run(connection, run_id)))
        except StorageError:
            return

    looking = threading.Thread(target=look, name="datasync-standstill", daemon=True)
    looking.start()
    looking.join(within_seconds)
    return found[0] if found else None


def _text_of(connection: Connection, server_pids: list[int]) -> str | None:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_standstill"), {"pids": server_pids})
        row = cursor.fetchone()
        connection.rollback()
    return None if row is None else _words(row)


def _words(row: dict[str, Any]) -> str:
    standby = (
        "waits for a synchronous standby, and none confirms it: synchronous_standby_names is"
        f" {row['standby_names']!r} (start the standby, or have that set otherwise)"
    )
    if row["wait_event"] == _SYNC_REP:
        return f"the commit {standby}"
    if row["holder"] is None:
        return "it waits for a lock that another transaction holds"
    holder = f"process {row['holder']} ({row['holder_name'] or 'unnamed'}, {row['holder_state']})"
    if row["holder_waits_for"] == _SYNC_REP:
        return f"it waits for a lock of {holder}, whose commit {standby}"
    return f"it waits for a lock that {holder} holds"
