"""Answers kept for a moment: many who ask the same cost one question."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from datasync_spider.faces.dashboard.kept import Kept


def test_many_who_ask_the_same_at_once_cost_one_question_and_later_ones_another() -> None:
    asked: Counter[str] = Counter()
    now = 0.0

    async def ask(question: str) -> str:
        asked[question] += 1
        await asyncio.sleep(0)
        return f"{question} {asked[question]}"

    async def run() -> None:
        nonlocal now
        kept = Kept(ask, clock=lambda: now)
        assert set(await asyncio.gather(*(kept.answer("a") for _ in range(30)))) == {"a 1"}
        assert await kept.answer("b") == "b 1"
        now += 0.9
        assert await kept.answer("a") == "a 1"
        now += 0.2
        assert await kept.answer("a") == "a 2"

    asyncio.run(run())
    assert asked == {"a": 2, "b": 1}


def test_a_question_that_could_not_be_asked_is_asked_again() -> None:
    tried = 0

    async def ask(_: str) -> str:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise OSError("away")
        return "here"

    async def run() -> None:
        kept = Kept(ask)
        with pytest.raises(OSError, match="away"):
            await kept.answer("a")
        assert await kept.answer("a") == "here"

    asyncio.run(run())
