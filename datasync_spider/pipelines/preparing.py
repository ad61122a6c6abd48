"""Pages on their way through the preparing thread.

Small pages go there together: a hop to a thread and back costs as much as preparing a hundred events. Invariant: pages
come out in the order in which they went in, and one that was put in leaves within moments, whatever comes after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from datasync_spider.items import EventPage
from datasync_spider.storage.batch import PreparedPage
from datasync_spider.storage.prepare import Preparer
from datasync_spider.workers import Worker

_WORTH_A_HOP_BYTES = 256_000
_WAITS_FOR_COMPANY_SECONDS = 0.02
_MOST_BYTES = 6_000_000


class Preparing:
    """``prepared`` is called with each group of pages, ``failed`` with what kept one from being prepared."""

    def __init__(
        self, preparer: Preparer, prepared: Callable[[list[PreparedPage]], None], failed: Callable[[Exception], None]
    ) -> None:
        self._preparer = preparer
        self._prepared = prepared
        self._failed = failed
        self._worker = Worker("datasync-prepare")
        self._waiting: list[EventPage] = []
        self._waiting_bytes = 0
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._jobs: set[asyncio.Future[list[PreparedPage]]] = set()

    @property
    def has_room(self) -> bool:
        """Whether the bodies of the pages that are not prepared yet leave room for more."""
        return self._bytes < _MOST_BYTES

    @property
    def jobs(self) -> set[asyncio.Future[list[PreparedPage]]]:
        """What the thread has been given and not done."""
        return self._jobs

    def add(self, page: EventPage) -> None:
        """The next page. What an item pipeline has dropped has no events, but comes along for its place."""
        self._waiting.append(page)
        self._waiting_bytes += page.body_bytes
        self._bytes += page.body_bytes
        if self._waiting_bytes >= _WORTH_A_HOP_BYTES or page.ends_pass is not None:
            self.hurry()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_WAITS_FOR_COMPANY_SECONDS, self.hurry)

    def hurry(self) -> None:
        """Sends what waits for company."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        pages, size = self._waiting, self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        job = self._worker.submit(partial(self._prepare, pages))
        self._jobs.add(job)
        job.add_done_callback(partial(self._done, size))

    def close(self) -> None:
        self._worker.close()

    def _prepare(self, pages: list[EventPage]) -> list[PreparedPage]:
        return [self._preparer.prepare(page) for page in pages]

    def _done(self, size_bytes: int, job: asyncio.Future[list[PreparedPage]]) -> None:
        self._jobs.discard(job)
        self._bytes -= size_bytes
        try:
            self._prepared(job.result())
        except Exception as error:  # noqa: BLE001 - whatever it is, a page is lost, and the run must end
            self._failed(error)
