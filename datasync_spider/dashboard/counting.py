"""The heavy counts: over the whole table of events, and therefore seldom.

Invariant: one count at a time, none of one kind twice within a minute, and after a count at least nine times as long as
it took without any other: counting never takes more than a tenth of one connection's time, whatever visitors ask for.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from datasync_spider.dashboard.daily import EventsView, events_view
from datasync_spider.dashboard.ledger import Read
from datasync_spider.dashboard.rejections import RejectedGroups, rejected_groups
from datasync_spider.errors import StorageError
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.dashboard import count_events, is_timeout, read_rejected_groups, read_runs_by_id

_EVERY_SECONDS = 60.0
_REST_FACTOR = 9.0
# About a third of a second on the slow side; a larger table is sampled.
MOST_BYTES = 64 * 1024 * 1024
_MOST_ROWS = 1_000
_MOST_KEPT = 32
_GROUPS_EVERY_SECONDS = 15.0
_MOST_GROUPS = 200


class EventCounter:
    """Counts events by day and type, of all runs (None) or of one."""

    def __init__(
        self,
        read: Read,
        *,
        most_bytes: int = MOST_BYTES,
        every_seconds: float = _EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._most_bytes = most_bytes
        self._every_seconds = every_seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: OrderedDict[int | None, tuple[float, EventsView]] = OrderedDict()
        self._rest_until = float("-inf")

    async def counts(self, run_id: int | None) -> EventsView | None:
        """The counts, at most a minute old unless that would be too often; None where there is no such run.

        Raises StorageError other than a timeout, which is an answer of its own.
        """
        async with self._lock:
            now = self._clock()
            kept = self._kept.get(run_id)
            if kept is not None and now - kept[0] < self._every_seconds:
                return kept[1]
            if now < self._rest_until:
                return kept[1] if kept else EventsView("paced", again_in_seconds=round(self._rest_until - now, 1))
            try:
                view = await self._count(run_id)
            finally:
                ended = self._clock()
                self._rest_until = ended + (ended - now) * _REST_FACTOR
            if view is not None:
                self._keep(run_id, ended, view)
            return view

    async def _count(self, run_id: int | None) -> EventsView | None:
        try:
            return await self._read(lambda connection: self._ask(connection, run_id))
        except StorageError as error:
            if is_timeout(error):
                return EventsView("timed_out", datetime.now(UTC))
            raise

    def _ask(self, connection: Connection, run_id: int | None) -> EventsView | None:
        since = until = booked = None
        if run_id is not None:
            rows = read_runs_by_id(connection, [run_id])
            if not rows:
                return None
            # An event's time of ingestion is that of its transaction, which lies within its run.
            since, until = rows[0]["started_at"], rows[0]["ended_at"]
            booked = rows[0]["inserted"]
        counts = count_events(connection, since=since, until=until, max_bytes=self._most_bytes, limit=_MOST_ROWS)
        return events_view(counts, datetime.now(UTC), counts.booked if booked is None else booked)

    def _keep(self, run_id: int | None, at: float, view: EventsView) -> None:
        self._kept[run_id] = (at, view)
        self._kept.move_to_end(run_id)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


class GroupCounter:
    """Counts dead letters by reason, which reads all of them and is therefore not done for each look."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._rest_until = float("-inf")
        self._known: RejectedGroups | StorageError | None = None

    async def groups(self) -> RejectedGroups:
        """The groups, some seconds old at most unless that would be too often. Raises StorageError."""
        async with self._lock:
            now = self._clock()
            if self._known is None or now >= self._rest_until:
                self._known = await self._count()
                ended = self._clock()
                self._rest_until = ended + max(_GROUPS_EVERY_SECONDS, (ended - now) * _REST_FACTOR)
        if isinstance(self._known, StorageError):
            raise self._known
        return self._known

    async def _count(self) -> RejectedGroups | StorageError:
        try:
            rows = await self._read(lambda connection: read_rejected_groups(connection, _MOST_GROUPS))
        except StorageError as error:
            # Kept like an answer: what has just failed, or took too long, is not tried again at once.
            return error
        return rejected_groups(rows, datetime.now(UTC))
