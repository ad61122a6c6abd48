"""The one poller for all viewers: asks while someone listens, and hands all of them the same message.

Invariant: however many listen, the database is asked once an interval; while no one listens, not at all. Each message
is the whole state, so one that a slow or absent viewer has missed is made good by the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from datasync_spider.errors import StorageError
from datasync_spider.faces.dashboard.snapshot import State, absent, present
from datasync_spider.storage.dashboard import Overview

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.5
# A question that hangs longer than this is reported to the viewers, while it goes on hanging.
_PATIENCE_SECONDS = 5.0

Listener = Callable[[bytes], None]


class Poller:
    """``read`` asks the database once."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Overview]],
        *,
        label: str,
        version: str,
        interval_seconds: float = INTERVAL_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._read = read
        self._label = label
        self._version = version
        self._interval_seconds = interval_seconds
        self._patience_seconds = patience_seconds
        self._state: State | None = None
        self._message = b""
        self._read_at = float("-inf")
        self._good_at = datetime.now(UTC)
        self._reading: asyncio.Task[None] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._listeners: set[Listener] = set()
        self.polls = 0

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def message(self) -> bytes:
        """The state as JSON, no older than an interval."""
        if time.monotonic() - self._read_at > self._interval_seconds:
            await self._refresh()
        return self._message

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls ``listener`` with each message from now on; the returned function ends that."""
        self._listeners.add(listener)
        if self._message:
            listener(self._message)
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._poll())

        def leave() -> None:
            self._listeners.discard(listener)
            if not self._listeners and self._polling is not None:
                self._polling.cancel()
                self._polling = None

        return leave

    async def _poll(self) -> None:
        while True:
            started = time.monotonic()
            await self.message()
            for listener in list(self._listeners):
                listener(self._message)
            await asyncio.sleep(max(0.0, self._interval_seconds - (time.monotonic() - started)))

    async def _refresh(self) -> None:
        """One question at a time, whoever asks; those who come meanwhile share its answer."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._ask())
            self._reading.add_done_callback(self._read_ended)
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), self._patience_seconds)
        except TimeoutError:
            self._publish(absent(self._state, self._label, self._version, self._good_at, None))

    def _read_ended(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    async def _ask(self) -> None:
        self.polls += 1
        try:
            overview = await self._read()
        except StorageError as error:
            if self._state is None or self._state.database.available:
                logger.warning("the database cannot be read: %s", error)
            self._publish(absent(self._state, self._label, self._version, self._good_at, error))
            return
        try:
            state = present(overview, self._label, self._version)
        except Exception as error:
            # Rows of another version must not end the page for good; the next ones may be understood again.
            logger.exception("what the database says cannot be shown")
            self._publish(absent(self._state, self._label, self._version, self._good_at, error))
            return
        if self._state is not None and not self._state.database.available:
            logger.info("the database can be read again")
        self._good_at = datetime.now(UTC)
        self._publish(state)

    def _publish(self, state: State) -> None:
        self._state = state
        self._message = msgspec.json.encode(state)
        self._read_at = time.monotonic()

    def close(self) -> None:
        for task in (self._polling, self._reading):
            if task is not None:
                task.cancel()
