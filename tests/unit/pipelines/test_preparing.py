"""Pages on their way through the preparing thread: in order, in groups, and none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from datasync_spider.items import EventPage
from datasync_spider.pipelines.preparing import Preparing
from datasync_spider.storage.batch import PreparedPage
from datasync_spider.storage.prepare import Preparer
from tests.support.pages import page

LARGE, SMALL = 1_000_000, 1_000


def sized(number: int, body_bytes: int, *, ends_pass: str | None = None) -> EventPage:
    made = page(number, [f"{number}-{place}" for place in range(3)], ends_pass=ends_pass)
    made.body_bytes = body_bytes
    return made


def groups(give: Callable[[Preparing], None], count: int) -> list[list[int]]:
    """The numbers of the pages as they come out together, once ``count`` of them are out."""

    async def run() -> list[list[int]]:
        out: list[list[int]] = []
        failures: list[Exception] = []
        all_out = asyncio.Event()

        def prepared(pages: list[PreparedPage]) -> None:
            out.append([one.page.number for one in pages])
            if sum(map(len, out)) == count:
                all_out.set()

        preparing = Preparing(Preparer(), prepared, failures.append)
        try:
            give(preparing)
            await asyncio.wait_for(all_out.wait(), 10)
        finally:
            preparing.close()
        assert preparing.has_room
        assert not preparing.jobs
        assert failures == []
        return out

    return asyncio.run(run())


def test_small_pages_go_together_and_need_nobody_who_sends_them_off() -> None:
    def give(preparing: Preparing) -> None:
        for number in range(1, 11):
            preparing.add(sized(number, SMALL))

    assert groups(give, 10) == [list(range(1, 11))]


def test_a_large_page_goes_at_once_and_takes_along_what_waits() -> None:
    def give(preparing: Preparing) -> None:
        preparing.add(sized(1, LARGE))
        preparing.add(sized(2, SMALL))
        preparing.add(sized(3, LARGE))
        preparing.add(sized(4, LARGE))
        assert len(preparing.jobs) == 3

    assert groups(give, 4) == [[1], [2, 3], [4]]


def test_the_last_page_of_a_pass_waits_for_no_company() -> None:
    def give(preparing: Preparing) -> None:
        preparing.add(sized(1, SMALL, ends_pass="last_page"))
        assert len(preparing.jobs) == 1

    assert groups(give, 1) == [[1]]


def test_who_is_in_a_hurry_sends_off_what_waits_once() -> None:
    def give(preparing: Preparing) -> None:
        preparing.add(sized(1, SMALL))
        preparing.hurry()
        preparing.hurry()
        assert len(preparing.jobs) == 1

    assert groups(give, 1) == [[1]]


def test_bodies_that_wait_take_up_room_until_they_are_prepared() -> None:
    def give(preparing: Preparing) -> None:
        for number in range(1, 7):
            assert preparing.has_room
            preparing.add(sized(number, LARGE))
        assert not preparing.has_room

    assert groups(give, 6) == [[number] for number in range(1, 7)]


def test_a_page_that_cannot_be_prepared_is_told_and_does_not_stop_the_thread() -> None:
    async def run() -> list[Exception]:
        failures: list[Exception] = []
        done = asyncio.Event()
        preparing = Preparing(Preparer(), lambda _: done.set(), failures.append)
        broken = sized(1, LARGE)
        broken.events = None  # type: ignore[assignment] # what a user's pipeline might do
        preparing.add(broken)
        preparing.add(sized(2, LARGE))
        await asyncio.wait_for(done.wait(), 10)
        preparing.close()
        return failures

    (failure,) = asyncio.run(run())
    assert isinstance(failure, TypeError)


def test_whoever_takes_prepared_pages_and_fails_is_told_like_a_page_that_could_not_be_prepared() -> None:
    def refuses(_: list[PreparedPage]) -> None:
        raise ValueError("out of order")

    async def run() -> Exception:
        failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        preparing = Preparing(Preparer(), refuses, failure.set_result)
        preparing.add(sized(1, LARGE))
        try:
            return await asyncio.wait_for(failure, 10)
        finally:
            preparing.close()

    assert isinstance(asyncio.run(run()), ValueError)
