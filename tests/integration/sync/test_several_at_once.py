"""Syncs side by side in one process, by a caller that is no crawl: each as good as alone."""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.request
from collections.abc import Callable

import pytest

from datasync_spider.errors import DatasyncError
from datasync_spider.items import EventPage
from datasync_spider.logs import context
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Page
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.runs import OpenRun
from datasync_spider.sync.fetching import Ask
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.services import Services
from datasync_spider.sync.slicesync import SliceSync
from datasync_spider.sync.writing import PageBuffer
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.plans import plan_for

ENDED = """
    SELECT slice.stream, run.status, slice.table_name FROM ingestion_stream_facts AS slice
    JOIN ingestion_run_facts AS run ON run.run_id = slice.newest_run_id
"""


class Report:
    """What one sync says of itself."""

    def __init__(self) -> None:
        self.run_id: int | None = None
        self.inserted = 0
        self.failed_for: str | None = None

    def run_opened(self, run: OpenRun) -> None:
        self.run_id = run.run_id

    def run_failing(self, reason: str) -> None:
        self.failed_for = reason

    def page_fetched(self, page: EventPage, cursor_seconds: float | None) -> None: ...

    def chain_restarted(self, number: int) -> None: ...

    def buffer_changed(self, buffer: PageBuffer, writing_batches: int) -> None: ...

    def batch_committed(self, batch: Batch, committed: Committed) -> None:
        self.inserted += committed.counts.inserted
        logging.getLogger("report").info("%d", committed.counts.inserted)

    def writer_retrying(self, error: Exception, attempt: int, delay_seconds: float) -> None: ...


def asked_over_http(plan: SyncPlan, ask: Ask) -> tuple[Page, EventPage]:
    """A page by a client that is none of ours."""
    asked = plan.request(ask.cursor, since_us=ask.since_us, until_ms=ask.before_ms)
    headers = dict((*plan.headers, *asked.headers, *plan.authorization.headers))
    with urllib.request.urlopen(urllib.request.Request(asked.url, headers=headers), timeout=30) as answer:
        body = answer.read()
        page = check_answer(plan.pages, plan.asked(asked.url, ask.cursor), answer.status, dict, body, {})
    item = EventPage(
        0, 0, ask.cursor, None, len(page.raw_events), page, page, body_bytes=len(body), fetched_at=time.time()
    )
    return page, item


async def sync_slice(
    plan: SyncPlan, services: Services, report: Report | None = None, *, breaks_after_pages: int | None = None
) -> Report:
    report = report or Report()
    sync = SliceSync(plan, services, report)
    sync.enter()
    await sync.open()
    try:
        asks, pages = sync.first(), 0
        while asks:
            await sync.have_capacity()
            ask = asks.pop()
            page, item = await asyncio.to_thread(asked_over_http, plan, ask)
            asks += await sync.answered(ask, page, item, dict)
            await sync.store(item)
            pages += 1
            if pages == breaks_after_pages:
                sync.fail(DatasyncError("broken by the test"))
                break
    finally:
        await sync.close()
    return report


def test_several_syncs_on_one_event_loop_are_each_exact_and_one_that_fails_ends_no_other(
    start_mock_api: Callable[..., MockApi], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "report")
    seen: list[tuple[object, int]] = []

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "report":
                seen.append((context.present().get("run_id"), int(record.getMessage())))

    mock = start_mock_api("--total", "3000")
    names = [f"tenant_{number}" for number in range(6)]
    plans = [
        plan_for(mock.base_url, DATABASE_URL=database_url, STREAM=name, API_PAGE_LIMIT=200, WRITE_BATCH_SIZE=400)
        for name in names
    ]

    services = Services(database_url, 3)

    async def sync_all() -> list[Report]:
        return await asyncio.gather(
            *(asyncio.create_task(sync_slice(plan, services)) for plan in plans[1:]),
            asyncio.create_task(sync_slice(plans[0], services, breaks_after_pages=2)),
        )

    handler = Seen()
    logging.getLogger().addHandler(handler)
    try:
        reports = asyncio.run(sync_all())
    finally:
        logging.getLogger().removeHandler(handler)
    assert [report.failed_for for report in reports] == [None] * 5 + ["failed"]
    by_run = {run_id: sum(count for whose, count in seen if whose == run_id) for run_id, _ in seen}
    assert by_run == {report.run_id: report.inserted for report in reports}
    facts = {name: (status, table) for name, status, table in rows(database_url, ENDED)}
    assert {name: status for name, (status, _) in facts.items()} == {
        "tenant_0": "failed",
        **dict.fromkeys(names[1:], "complete"),
    }
    kept = {name: value(database_url, f"SELECT count(*) FROM {table}") for name, (_, table) in facts.items()}
    assert kept == {"tenant_0": reports[-1].inserted, **dict.fromkeys(names[1:], 3_000)}


def test_where_pages_take_up_all_room_each_slice_asks_for_one_when_its_last_one_is_committed(
    start_mock_api: Callable[..., MockApi], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasync_spider.sync.services._MOST_UNDER_WAY_BYTES", 1)
    # Who waits for room would wait for ever, were its page kept for a full batch.
    monkeypatch.setattr("datasync_spider.sync.writing.FLUSH_AFTER_SECONDS", 3_600.0)
    mock = start_mock_api("--total", "1000")
    plans = [
        plan_for(mock.base_url, DATABASE_URL=database_url, STREAM=name, API_PAGE_LIMIT=200) for name in ("one", "two")
    ]
    batches: dict[str, int] = {"one": 0, "two": 0}

    class Counting(Report):
        def __init__(self, name: str) -> None:
            super().__init__()
            self._name = name

        def batch_committed(self, batch: Batch, committed: Committed) -> None:
            batches[self._name] += 1

    async def sync_both() -> None:
        services = Services(database_url, 3)
        syncs = (sync_slice(plan, services, Counting(plan.spec.name)) for plan in plans)
        await asyncio.wait_for(asyncio.gather(*map(asyncio.create_task, syncs)), 60)

    asyncio.run(sync_both())
    assert batches == {"one": 5, "two": 5}
    assert {status for _, status, _ in rows(database_url, ENDED)} == {"complete"}
