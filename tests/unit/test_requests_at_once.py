"""No more requests are under way than a source allows, whoever sends them, and none is forgotten."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace

import pytest
from scrapy import Request
from scrapy.utils.test import get_crawler

from datasync_spider.downloadermiddlewares import pace
from datasync_spider.downloadermiddlewares.pace import Pace
from datasync_spider.downloadermiddlewares.ratelimit import RateLimitMiddleware
from datasync_spider.downloadermiddlewares.sharedbudget import SharedBudget
from datasync_spider.errors import Stopped
from datasync_spider.pacing.budget import RequestBudget
from datasync_spider.pacing.headers import AskedWait
from datasync_spider.sync.services import Services
from tests.support.syncs import sync_for

URL = "http://127.0.0.1/records"


class Downloader:
    """As much of Scrapy's as the pace hears of; for two syncs that have one credential."""

    def __init__(self, at_once: int | None, declared: RequestBudget | None = None) -> None:
        # Of syncs without a run.
        shared = SharedBudget(Services("", 3), None, 0.0)
        self.pace = Pace(get_crawler(), 60.0, shared, declared=declared, at_once=at_once)
        self.syncs = [sync_for(), sync_for()]
        self.under_way: list[Request] = []

    async def send(self, whose: int = 0) -> None:
        request = Request(URL, meta={"sync": self.syncs[whose]})
        await self.pace.let_go(request)
        self.under_way.append(request)

    def end(self) -> None:
        self.pace.left(self.under_way.pop())

    async def resolve(self) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return len(self.under_way)


@pytest.mark.parametrize(("at_once", "expected"), [(1, 1), (2, 2), (5, 4), (None, 4)])
def test_so_many_are_under_way_and_another_one_when_one_has_left(at_once: int | None, expected: int) -> None:
    async def crawl() -> None:
        downloader = Downloader(at_once)
        sending = [asyncio.ensure_future(downloader.send(number % 2)) for number in range(4)]
        assert await downloader.resolve() == expected
        for _ in range(4):
            downloader.end()
            assert await downloader.resolve() <= expected
        await asyncio.gather(*sending)
        assert downloader.under_way == []

    asyncio.run(crawl())


def test_a_request_that_was_stopped_while_it_waited_takes_no_place() -> None:
    async def crawl() -> None:
        downloader = Downloader(1, RequestBudget(1, 3_600.0))
        await downloader.send()
        downloader.end()
        sending = asyncio.ensure_future(downloader.send())
        assert await downloader.resolve() == 0
        downloader.syncs[0].halted.set()
        with pytest.raises(Stopped):
            await sending
        with pytest.raises(Stopped):
            await asyncio.wait_for(downloader.send(), 30)

    asyncio.run(crawl())


@pytest.mark.parametrize("waits_for", ["a place", "the budget"])
def test_a_sync_that_fails_waits_no_more_and_another_one_goes_on_waiting(waits_for: str) -> None:
    async def crawl() -> None:
        downloader = Downloader(2 if waits_for == "the budget" else 1, RequestBudget(1, 3_600.0))
        await downloader.send(1)
        failing, other = (asyncio.ensure_future(downloader.send(whose)) for whose in (0, 1))
        await downloader.resolve()
        downloader.syncs[0].halted.set()
        with pytest.raises(Stopped):
            await asyncio.wait_for(failing, 30)
        await downloader.resolve()
        assert not other.done()
        other.cancel()

    asyncio.run(crawl())


def test_a_request_that_a_later_middleware_has_refused_gives_its_place_back() -> None:
    async def crawl() -> None:
        middleware = RateLimitMiddleware(get_crawler())
        downloader = Downloader(1)
        credential = downloader.syncs[0].plan.spec.credential
        middleware._paces[credential] = downloader.pace
        refused = Request(URL, meta={"sync": downloader.syncs[0]})
        await middleware.process_request(refused)
        await middleware.process_exception(refused, Stopped("no token"))
        await asyncio.wait_for(downloader.send(), 30)
        assert await downloader.resolve() == 1

    asyncio.run(crawl())


def test_a_wait_that_is_over_between_two_looks_at_the_clock_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 1_000.0 + next(ticks) * 0.03, time=time.time)
    monkeypatch.setattr(pace, "time", clock)

    async def crawl() -> None:
        for milliseconds in (10, 29, 31, 59, 61, 95):
            downloader = Downloader(None)
            downloader.pace.page_asked_wait(AskedWait(milliseconds / 1000, "poll"))
            await asyncio.wait_for(downloader.send(), 30)
            assert len(downloader.under_way) == 1

    asyncio.run(crawl())
