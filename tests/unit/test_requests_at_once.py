"""No more requests are under way than a source allows, whoever sends them, and none is forgotten."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace

import pytest
from scrapy import Request, signals
from scrapy.utils.test import get_crawler

from datasync_spider.downloadermiddlewares import ratelimit
from datasync_spider.downloadermiddlewares.ratelimit import RateLimitMiddleware
from datasync_spider.downloadermiddlewares.sharedbudget import SharedBudget
from datasync_spider.errors import Stopped
from datasync_spider.pacing.budget import RequestBudget
from datasync_spider.pacing.headers import AskedWait
from datasync_spider.process.waiting import Waiter
from datasync_spider.signals import stop_requested
from datasync_spider.sync.services import Services

URL = "http://127.0.0.1/records"


class Downloader:
    """As much of Scrapy's as the middleware hears of."""

    def __init__(self, at_once: int | None, declared: RequestBudget | None = None) -> None:
        self.crawler = get_crawler()
        waiter = Waiter(self.crawler)
        # Of a crawl without a run.
        shared = SharedBudget(self.crawler, waiter, Services("", 3), None, 0.0)
        self.middleware = RateLimitMiddleware(self.crawler, waiter, 60.0, shared, declared=declared, at_once=at_once)
        self.crawler.signals.connect(self.middleware._request_left, signals.request_left_downloader)
        self.under_way: list[Request] = []

    async def send(self) -> None:
        request = Request(URL)
        await self.middleware.process_request(request)
        self.under_way.append(request)

    def end(self) -> None:
        request = self.under_way.pop()
        self.crawler.signals.send_catch_log(signals.request_left_downloader, request=request)

    async def resolve(self) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return len(self.under_way)


@pytest.mark.parametrize(("at_once", "expected"), [(1, 1), (2, 2), (5, 4), (None, 4)])
def test_so_many_are_under_way_and_another_one_when_one_has_left(at_once: int | None, expected: int) -> None:
    async def crawl() -> None:
        downloader = Downloader(at_once)
        sending = [asyncio.ensure_future(downloader.send()) for _ in range(4)]
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
        downloader.crawler.signals.send_catch_log(stop_requested, signal_name="SIGTERM")
        with pytest.raises(Stopped):
            await sending
        with pytest.raises(Stopped):
            await asyncio.wait_for(downloader.send(), 30)

    asyncio.run(crawl())


def test_a_request_that_a_later_middleware_has_refused_gives_its_place_back() -> None:
    async def crawl() -> None:
        downloader = Downloader(1)
        refused = Request(URL)
        await downloader.middleware.process_request(refused)
        await downloader.middleware.process_exception(refused, Stopped("no token"))
        await asyncio.wait_for(downloader.send(), 30)
        assert await downloader.resolve() == 1

    asyncio.run(crawl())


def test_a_wait_that_is_over_between_two_looks_at_the_clock_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 1_000.0 + next(ticks) * 0.03, time=time.time)
    monkeypatch.setattr(ratelimit, "time", clock)

    async def crawl() -> None:
        for milliseconds in (10, 29, 31, 59, 61, 95):
            downloader = Downloader(None)
            downloader.middleware._page_asked_wait(AskedWait(milliseconds / 1000, "poll"))
            await asyncio.wait_for(downloader.send(), 30)
            assert len(downloader.under_way) == 1

    asyncio.run(crawl())
