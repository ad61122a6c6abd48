"""Hands pages to the item pipelines, and says when these have enough.

Invariant: a page that was handed over has been through all item pipelines, or failed in one, when :meth:`finished`
returns; Scrapy counts it as under way from the next turn of the event loop on. Pages may be under way side by side.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Handover:
    """``max_bytes``: of the bodies whose pages are under way."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._under_way: dict[asyncio.Future[None], int] = {}
        self._bytes = 0

    def begin(self, process: Callable[[], Coroutine[Any, Any, None]], body_bytes: int) -> None:
        """``process`` takes the page through the pipelines. Returns at once."""
        task = asyncio.ensure_future(process())
        self._under_way[task] = body_bytes
        self._bytes += body_bytes
        task.add_done_callback(self._ended)

    async def room_for(self, body_bytes: int) -> None:
        """Returns when so much more may be under way; a page of any size may be if it is the only one."""
        while self._under_way and self._bytes + body_bytes > self._max_bytes:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def finished(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._bytes -= self._under_way.pop(task)
