"""Waiting until something is so, where others say when to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Room:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def announce(self) -> None:
        """Everybody who waits looks again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Returns when ``is_so`` holds, at once if it does already."""
        while not is_so():
            await self._changed.wait()
