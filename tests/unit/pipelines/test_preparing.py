"""Pages on their way to being rows: in order, whether they go through the thread or not, and none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from datasync_spider.errors import PageLost
from datasync_spider.items import EventPage
from datasync_spider.pipelines.preparing import Preparing
from datasync_spider.storage.batch import PreparedPage
from datasync_spider.storage.prepare import Preparer
from tests.support.pages import page

LARGE, SMALL = 1_000_000, 1_000


def sized(number: int, body_bytes: int) -> EventPage:
    made = page(number, [f"{number}-{place}" for place in range(3)])
    made.body_bytes = body_bytes
    return made


def come_out(give: Callable[[Preparing, list[int]], None], count: int) -> list[int]:
    """The numbers of the pages as they come out, once ``count`` of them are out."""

    async def run() -> list[int]:
        out: list[int] = []
        failures: list[Exception] = []
        all_out = asyncio.Event()

        def prepared(one: PreparedPage) -> None:
            out.append(one.page.number)
            if len(out) == count:
                all_out.set()

        preparing = Preparing(Preparer(), prepared, failures.append)
        try:
            give(preparing, out)
            await asyncio.wait_for(all_out.wait(), 10)
        finally:
            preparing.close()
        assert preparing.has_room
        assert not preparing.jobs
        assert failures == []
        return out

    return asyncio.run(run())


def test_a_small_page_is_prepared_when_it_comes() -> None:
    def give(preparing: Preparing, out: list[int]) -> None:
        preparing.add(sized(1, SMALL))
        assert out == [1]
        preparing.add(sized(2, SMALL))
        assert out == [1, 2]

    assert come_out(give, 2) == [1, 2]


def test_a_large_page_does_not_keep_the_event_loop() -> None:
    def give(preparing: Preparing, out: list[int]) -> None:
        preparing.add(sized(1, LARGE))
        assert out == []
        assert len(preparing.jobs) == 1

    assert come_out(give, 1) == [1]


def test_a_small_page_does_not_overtake_a_large_one() -> None:
    def give(preparing: Preparing, out: list[int]) -> None:
        for number, body_bytes in enumerate((SMALL, LARGE, SMALL, SMALL, LARGE), 1):
            preparing.add(sized(number, body_bytes))
        assert out == [1]
        assert len(preparing.jobs) == 4

    assert come_out(give, 5) == [1, 2, 3, 4, 5]


def test_bodies_that_wait_take_up_room_until_they_are_prepared() -> None:
    def give(preparing: Preparing, _: list[int]) -> None:
        for number in range(1, 7):
            assert preparing.has_room
            preparing.add(sized(number, LARGE))
        assert not preparing.has_room

    assert come_out(give, 6) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("body_bytes", [SMALL, LARGE])
def test_a_page_that_cannot_be_prepared_is_told_and_keeps_nobody_from_the_next(body_bytes: int) -> None:
    async def run() -> list[Exception]:
        failures: list[Exception] = []
        done = asyncio.Event()
        preparing = Preparing(Preparer(), lambda _: done.set(), failures.append)
        broken = sized(1, body_bytes)
        broken.events = None  # type: ignore[assignment] # what a user's pipeline might do
        preparing.add(broken)
        preparing.add(sized(2, body_bytes))
        await asyncio.wait_for(done.wait(), 10)
        preparing.close()
        return failures

    (failure,) = asyncio.run(run())
    assert isinstance(failure, PageLost)


@pytest.mark.parametrize("body_bytes", [SMALL, LARGE])
def test_whoever_takes_prepared_pages_and_fails_is_told_like_a_page_that_could_not_be_prepared(body_bytes: int) -> None:
    def refuses(_: PreparedPage) -> None:
        raise ValueError("out of order")

    async def run() -> Exception:
        failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        preparing = Preparing(Preparer(), refuses, failure.set_result)
        preparing.add(sized(1, body_bytes))
        try:
            return await asyncio.wait_for(failure, 10)
        finally:
            preparing.close()

    assert isinstance(asyncio.run(run()), ValueError)
