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
from typing import NamedTuple

import msgspec

from datasync_spider.errors import StorageError
from datasync_spider.faces.dashboard.curves import Read
from datasync_spider.faces.dashboard.daily import EventsView, events_view
from datasync_spider.faces.dashboard.rejections import RejectedGroups, rejected_groups
from datasync_spider.faces.dashboard.visible import line, slice_view
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.dashboard import (
    EventCounts,
    Row,
    count_events,
    is_timeout,
    read_chosen,
    read_rejected_groups,
    read_runs_by_id,
    read_written_last,
)

_EVERY_SECONDS = 60.0
_REST_FACTOR = 9.0
# About a third of a second on the slow side; a larger table is sampled.
MOST_BYTES = 64 * 1024 * 1024
_MOST_ROWS = 1_000
_MOST_KEPT = 32
_GROUPS_EVERY_SECONDS = 15.0
_MOST_GROUPS = 200
# All of them, so that those of a small stream can be shown as well.
_MOST_GROUPS_COUNTED = 20_000


class Question(NamedTuple):
    """Whose events: those of a run, of a stream, or of one of its slices; else of the stream that was written last."""

    run_id: int | None = None
    stream: str | None = None
    slice: str | None = None


class EventCounter:
    """Counts events by day and type: of a stream, of a slice, or of what one run has stored."""

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
        self._kept: OrderedDict[Question, tuple[float, EventsView]] = OrderedDict()
        self._rest_until = float("-inf")

    async def counts(self, question: Question) -> EventsView | None:
        """The counts, at most a minute old unless that would be too often; None where there is no such thing.

        Raises StorageError other than a timeout, which is an answer of its own.
        """
        async with self._lock:
            now = self._clock()
            kept = self._kept.get(question)
            if kept is not None and now - kept[0] < self._every_seconds:
                return kept[1]
            if now < self._rest_until:
                return kept[1] if kept else EventsView("paced", again_in_seconds=round(self._rest_until - now, 1))
            try:
                view = await self._count(question)
            finally:
                ended = self._clock()
                self._rest_until = ended + (ended - now) * _REST_FACTOR
            if view is not None:
                self._keep(question, ended, view)
            return view

    async def _count(self, question: Question) -> EventsView | None:
        try:
            return await self._read(lambda connection: self._ask(connection, question))
        except StorageError as error:
            if is_timeout(error):
                return EventsView("timed_out", counted_at=datetime.now(UTC))
            raise

    def _ask(self, connection: Connection, question: Question) -> EventsView | None:
        since = until = inserted = None
        if question.run_id is not None:
            rows = read_runs_by_id(connection, [question.run_id])
            if not rows:
                return None
            # An event's time of ingestion is that of its transaction, which lies within its run.
            since, until = rows[0]["started_at"], rows[0]["ended_at"]
            inserted = rows[0]["inserted"]
            chosen = read_chosen(connection, rows[0]["stream"], rows[0]["slice"])
        elif question.stream is not None:
            chosen = read_chosen(connection, question.stream, question.slice)
        else:
            chosen = read_written_last(connection)
        if chosen is None:
            return None
        counts = EventCounts(100.0, [])
        if chosen.table is not None:
            counts = count_events(
                connection, chosen.table, since=since, until=until, max_bytes=self._most_bytes, limit=_MOST_ROWS
            )
        view = events_view(counts, datetime.now(UTC), chosen.recorded if inserted is None else inserted)
        slice_ = None if chosen.slice is None else slice_view(chosen.slice)
        return msgspec.structs.replace(view, stream=line(chosen.stream, 200), slice=slice_)

    def _keep(self, question: Question, at: float, view: EventsView) -> None:
        self._kept[question] = (at, view)
        self._kept.move_to_end(question)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


class GroupCounter:
    """Counts dead letters by reason, which reads all of them and is therefore not done for each look."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._rest_until = float("-inf")
        self._known: tuple[datetime, list[Row]] | StorageError | None = None

    async def groups(self, stream: str | None = None, slice_name: str | None = None) -> RejectedGroups:
        """The largest groups, of all or of these, some seconds old at most unless that would be too often.

        Raises StorageError.
        """
        async with self._lock:
            now = self._clock()
            if self._known is None or now >= self._rest_until:
                self._known = await self._count()
                ended = self._clock()
                self._rest_until = ended + max(_GROUPS_EVERY_SECONDS, (ended - now) * _REST_FACTOR)
            if isinstance(self._known, StorageError):
                raise self._known
            counted_at, rows = self._known
        chosen = [row for row in rows if stream in (None, row["stream"]) and slice_name in (None, row["slice"])]
        return rejected_groups(chosen[:_MOST_GROUPS], counted_at)

    async def _count(self) -> tuple[datetime, list[Row]] | StorageError:
        try:
            rows = await self._read(lambda connection: read_rejected_groups(connection, _MOST_GROUPS_COUNTED))
        except StorageError as error:
            # Kept like an answer: what has just failed, or took too long, is not tried again at once.
            return error
        return datetime.now(UTC), rows
