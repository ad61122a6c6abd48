"""How much may be under way to the item pipelines, and when all of it has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest

from datasync_spider.spiders.handover import Handover


async def goes_through(arrived: asyncio.Event) -> None:
    await arrived.wait()


def finishes(coroutine: Coroutine[Any, Any, None], *, turns: int = 5) -> bool:
    """Whether it comes to its end within a few turns of the event loop."""

    async def run() -> bool:
        task = asyncio.ensure_future(coroutine)
        for _ in range(turns):
            await asyncio.sleep(0)
        is_done = task.done()
        task.cancel()
        return is_done

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("under_way", "next_bytes", "is_room"),
    [([], 1_000, True), ([40], 60, True), ([40], 61, False), ([40, 60], 1, False), ([1_000], 1, False)],
)
def test_there_is_room_up_to_the_limit_and_for_a_single_page_of_any_size(
    under_way: list[int], next_bytes: int, is_room: bool
) -> None:
    async def look() -> None:
        handover = Handover(max_bytes=100)
        for size in under_way:
            handover.begin(partial(goes_through, asyncio.Event()), size)
        await handover.room_for(next_bytes)

    assert finishes(look()) is is_room


def test_room_comes_back_when_a_page_has_been_through() -> None:
    async def run() -> None:
        handover = Handover(max_bytes=100)
        first, second = asyncio.Event(), asyncio.Event()
        handover.begin(partial(goes_through, first), 60)
        handover.begin(partial(goes_through, second), 40)
        waiting = asyncio.ensure_future(handover.room_for(60))
        second.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        first.set()
        await asyncio.wait_for(waiting, 10)

    asyncio.run(run())


def test_it_is_finished_when_the_last_page_has_been_through_one_that_came_meanwhile_included() -> None:
    async def run() -> None:
        handover = Handover(max_bytes=100)
        first, second = asyncio.Event(), asyncio.Event()
        await handover.finished()
        handover.begin(partial(goes_through, first), 1)
        finishing = asyncio.ensure_future(handover.finished())
        await asyncio.sleep(0)
        handover.begin(partial(goes_through, second), 1)
        first.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not finishing.done()
        second.set()
        await asyncio.wait_for(finishing, 10)

    asyncio.run(run())


def test_a_page_that_fails_makes_room_as_well() -> None:
    async def fails() -> None:
        raise ValueError("a bug")

    async def run() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        handover = Handover(max_bytes=1)
        handover.begin(fails, 100)
        await asyncio.wait_for(handover.room_for(100), 10)
        await asyncio.wait_for(handover.finished(), 10)
        return told

    asyncio.run(run())
