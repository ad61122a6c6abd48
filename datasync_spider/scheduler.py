"""A scheduler for a chain: whatever comes is asked for next, in the order in which it came.

Scrapy's own keeps priorities, duplicates filters and disk queues, none of which a chain of cursors has a use for; the
position is kept by the database.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from scrapy.core.scheduler import BaseScheduler

if TYPE_CHECKING:
    from scrapy import Request


class ChainScheduler(BaseScheduler):
    """First in, first out, in memory."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()

    def has_pending_requests(self) -> bool:
        return bool(self._requests)

    def enqueue_request(self, request: Request) -> bool:
        self._requests.append(request)
        return True

    def next_request(self) -> Request | None:
        return self._requests.popleft() if self._requests else None
