"""One timer for the limits of all: what runs is interrupted in time, and what has ended leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVarTuple

import pytest

from datasync_spider.timelimits import TimeLimits

_Ts = TypeVarTuple("_Ts")

LONG_SECONDS = 3600.0
SHORT_SECONDS = 0.04
# What should have been interrupted long ago fails the test instead of holding it up.
PATIENCE_SECONDS = 60.0


class TellingLoop(asyncio.SelectorEventLoop):
    """Remembers the timers that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[asyncio.TimerHandle] = []

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.asked.append(super().call_at(when, callback, *args, context=context))
        return self.asked[-1]

    def pending(self) -> list[asyncio.TimerHandle]:
        return [timer for timer in self.asked if not timer.cancelled() and timer.when() > self.time()]


def run(test: Callable[[TellingLoop], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TellingLoop)
        await test(loop)

    with asyncio.Runner(loop_factory=TellingLoop) as runner:
        runner.run(whole())


async def endless(limits: TimeLimits, ended: list[float] | None = None) -> None:
    """Work that only its limit ends; appends when that was."""
    limit = limits.begin()
    try:
        async with limit:
            await asyncio.Event().wait()
    finally:
        limits.end(limit)
        if ended is not None:
            ended.append(asyncio.get_running_loop().time())


async def interrupted(work: Coroutine[Any, Any, None] | asyncio.Task[None]) -> None:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    assert done, "nothing interrupted it"
    with pytest.raises(TimeoutError):
        task.result()


async def moment(when: float) -> None:
    """Until the loop's clock has passed it, and all timers before it."""
    reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_at(when, reached.set_result, None)
    await reached


def test_work_is_interrupted_when_its_time_is_over_and_not_before() -> None:
    async def test(loop: TellingLoop) -> None:
        began = loop.time()
        await interrupted(endless(TimeLimits(SHORT_SECONDS)))
        assert loop.time() - began >= SHORT_SECONDS - 0.001

    run(test)


def test_work_that_ends_earlier_is_not_interrupted_and_leaves_nothing() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        limit = limits.begin()
        async with limit:
            await asyncio.sleep(0)
        limits.end(limit)
        (timer,) = loop.pending()
        await moment(timer.when() + 0.001)
        assert not limit.expired()
        assert loop.pending() == []
        assert limits._ends == {}
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(test)


def test_pieces_that_follow_each_other_share_one_timer() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(LONG_SECONDS)
        for _ in range(100):
            limit = limits.begin()
            async with limit:
                await asyncio.sleep(0)
            limits.end(limit)
        assert len(loop.asked) == 1

    run(test)


def test_the_timer_of_an_earlier_piece_gives_a_later_one_all_its_time() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        limits.end(limits.begin())
        (timer,) = loop.pending()
        await moment(timer.when() - SHORT_SECONDS / 2)
        began = loop.time()
        await interrupted(endless(limits))
        assert loop.time() - began >= SHORT_SECONDS - 0.001

    run(test)


def test_each_of_several_has_its_own_end() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        first_ended: list[float] = []
        second_ended: list[float] = []
        first_began = loop.time()
        first = asyncio.ensure_future(endless(limits, first_ended))
        await moment(first_began + SHORT_SECONDS / 8)
        second_began = loop.time()
        second = asyncio.ensure_future(endless(limits, second_ended))
        await interrupted(first)
        await interrupted(second)
        assert first_ended[0] - first_began >= SHORT_SECONDS - 0.001
        assert second_ended[0] - second_began >= SHORT_SECONDS - 0.001
        assert loop.pending() == []

    run(test)


def test_what_runs_gets_the_shorter_time_and_what_begins_too() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(LONG_SECONDS)
        running = asyncio.ensure_future(endless(limits))
        await asyncio.sleep(0)
        shortened = loop.time()
        limits.shorten(SHORT_SECONDS)
        await interrupted(running)
        assert loop.time() - shortened >= SHORT_SECONDS - 0.001
        began = loop.time()
        await interrupted(endless(limits))
        assert loop.time() - began >= SHORT_SECONDS - 0.001

    run(test)


@pytest.mark.parametrize("pieces_before", [0, 1])
def test_what_begins_after_a_shortening_while_nothing_ran_gets_the_shorter_time(pieces_before: int) -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(LONG_SECONDS)
        for _ in range(pieces_before):
            limits.end(limits.begin())
        limits.shorten(SHORT_SECONDS)
        assert loop.pending() == []
        began = loop.time()
        await interrupted(endless(limits))
        assert loop.time() - began >= SHORT_SECONDS - 0.001

    run(test)


def test_nothing_gets_longer_by_a_shortening() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        running = asyncio.ensure_future(endless(limits))
        await asyncio.sleep(0)
        limits.shorten(LONG_SECONDS)
        later = asyncio.ensure_future(endless(limits))
        await asyncio.sleep(0)
        limits.shorten(LONG_SECONDS)
        await interrupted(running)
        assert not later.done()
        later.cancel()
        await asyncio.wait({later})

    run(test)


def test_a_cancellation_from_outside_stays_one() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        task = asyncio.ensure_future(endless(limits))
        await asyncio.sleep(0)
        (timer,) = loop.pending()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await moment(timer.when() + 0.001)
        assert task.cancelled()
        assert loop.pending() == []
        assert limits._ends == {}

    run(test)


def test_closing_takes_the_timer_back() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(LONG_SECONDS)
        limits.close()
        limit = limits.begin()
        assert len(loop.pending()) == 1
        limits.end(limit)
        limits.close()
        assert loop.pending() == []

    run(test)


def test_what_begins_after_closing_is_limited_again() -> None:
    async def test(loop: TellingLoop) -> None:
        limits = TimeLimits(SHORT_SECONDS)
        limits.end(limits.begin())
        limits.close()
        await interrupted(endless(limits))

    run(test)
