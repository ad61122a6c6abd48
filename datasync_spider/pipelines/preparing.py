"""Pages on their way to being rows: large ones through a thread, small ones at once.

A small page is prepared while the API works on the next one, in the time that it takes to answer: a thread would hold
the interpreter when the answer comes (docs/understand/performance.md). A large page would keep the event loop from
receiving.

Invariant: pages come out in the order in which they went in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from datasync_spider.items import EventPage
from datasync_spider.process.workers import Worker
from datasync_spider.storage.batch import PreparedPage
from datasync_spider.storage.prepare import Preparer

_WORTH_A_HOP_BYTES = 128_000
_MOST_BYTES = 6_000_000


class Preparing:
    """``prepared`` is called with each page, ``failed`` with what kept one from being prepared."""

    def __init__(
        self, preparer: Preparer, prepared: Callable[[PreparedPage], None], failed: Callable[[Exception], None]
    ) -> None:
        self._preparer = preparer
        self._prepared = prepared
        self._failed = failed
        self._worker = Worker("datasync-prepare")
        self._bytes = 0
        self._jobs: set[asyncio.Future[PreparedPage]] = set()

    @property
    def has_room(self) -> bool:
        """Whether the bodies of the pages that are not prepared yet leave room for more."""
        return self._bytes < _MOST_BYTES

    @property
    def jobs(self) -> set[asyncio.Future[PreparedPage]]:
        """What the thread has been given and not done."""
        return self._jobs

    def add(self, page: EventPage) -> None:
        """The next page. What an item pipeline has dropped has no events, but comes along for its place."""
        if page.body_bytes < _WORTH_A_HOP_BYTES and not self._jobs:
            self._pass_on(partial(self._preparer.prepare, page))
            return
        self._bytes += page.body_bytes
        job = self._worker.submit(partial(self._preparer.prepare, page))
        self._jobs.add(job)
        job.add_done_callback(partial(self._done, page.body_bytes))

    def close(self) -> None:
        self._worker.close()

    def _done(self, size_bytes: int, job: asyncio.Future[PreparedPage]) -> None:
        self._jobs.discard(job)
        self._bytes -= size_bytes
        self._pass_on(job.result)

    def _pass_on(self, prepare: Callable[[], PreparedPage]) -> None:
        try:
            self._prepared(prepare())
        except Exception as error:  # noqa: BLE001 - whatever it is, a page is lost, and the run must end
            self._failed(error)
