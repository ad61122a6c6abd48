"""Slices that share the room for pages: who may ask for another one, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from datasync_spider.sync.turns import Capacity, Share


def run(act: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await asyncio.wait_for(act(), 30)

    asyncio.run(within())


async def let_others_go_on() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Slices:
    """``gone_on``: those that may ask for another page, in their order."""

    def __init__(self, capacity: Capacity, names: str) -> None:
        self.gone_on: list[str] = []
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self._shares = {name: Share(capacity) for name in names}

    def __getitem__(self, name: str) -> Share:
        return self._shares[name]

    def wait(self, names: str) -> None:
        for name in names:
            self.waiting[name] = asyncio.ensure_future(self._turn(name))

    async def _turn(self, name: str) -> None:
        await self._shares[name].turn()
        self.gone_on.append(name)


def test_who_has_nothing_on_its_way_may_ask_however_little_room_there_is() -> None:
    capacity = Capacity(10)
    slices = Slices(capacity, "ab")
    slices["a"].take(1_000)
    assert not slices["a"].may_ask
    assert slices["b"].may_ask
    slices["a"].give_back(1_000)
    assert slices["a"].may_ask


def test_those_that_have_waited_longest_go_on_first_and_no_more_than_there_is_room_for() -> None:
    async def act() -> None:
        capacity = Capacity(30)
        slices = Slices(capacity, "abcd")
        slices["d"].take(30)
        for name in "abc":
            slices[name].take(5)
        slices.wait("cab")
        slices["d"].give_back(10)
        await let_others_go_on()
        assert slices.gone_on == []
        # 25 of 30 are taken: that is room for one, whose next page is expected from now on.
        slices["d"].give_back(10)
        await let_others_go_on()
        assert slices.gone_on == ["c"]
        assert capacity.is_full
        slices["c"].take(5)
        assert capacity.is_full
        slices["d"].give_back(10)
        await let_others_go_on()
        assert slices.gone_on == ["c", "a", "b"]

    run(act)


def test_a_turn_that_has_come_before_it_is_waited_for_is_not_missed() -> None:
    async def act() -> None:
        slices = Slices(Capacity(10), "a")
        slices["a"].take(10)
        slices.wait("a")
        slices["a"].give_back(10)
        await slices.waiting["a"]
        assert slices.gone_on == ["a"]

    run(act)


def test_one_that_ends_leaves_its_room_and_one_that_waits_no_more_its_turn() -> None:
    async def act() -> None:
        slices = Slices(Capacity(10), "abc")
        for name in "abc":
            slices[name].take(10)
        slices.wait("ab")
        await let_others_go_on()
        slices.waiting["a"].cancel()
        await let_others_go_on()
        slices["c"].close()
        slices["a"].close()
        slices["b"].give_back(5)
        await let_others_go_on()
        assert slices.gone_on == ["b"]
        assert slices["c"].may_ask

    run(act)
