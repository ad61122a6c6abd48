"""Syncs as whoever works for one has them, of runs that are not opened."""

from __future__ import annotations

from typing import Any

from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.runs import OpenRun
from datasync_spider.sync.services import Services
from datasync_spider.sync.slicesync import SliceSync
from datasync_spider.sync.writing import PageBuffer
from tests.support.plans import plan_for


class Unheard:
    """Nobody hears of the sync."""

    def run_opened(self, run: OpenRun) -> None: ...

    def run_failing(self, reason: str) -> None: ...

    def page_fetched(self, page: Any, cursor_seconds: float | None) -> None: ...

    def chain_restarted(self, number: int) -> None: ...

    def buffer_changed(self, buffer: PageBuffer, writing_batches: int) -> None: ...

    def batch_committed(self, batch: Batch, committed: Committed) -> None: ...

    def writer_retrying(self, error: Exception, attempt: int, delay_seconds: float) -> None: ...


def sync_for(base_url: str = "http://127.0.0.1", **settings: object) -> SliceSync:
    """By these settings and no others."""
    plan = plan_for(base_url, **settings)
    return SliceSync(plan, Services("", 3), Unheard())
