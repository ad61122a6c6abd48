"""Answers that are kept for a moment, so that many who ask the same cost as little as one.

Invariant: a question is put to the database once at a time and not again while its answer is fresh; what is kept is
bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Q = TypeVar("_Q", bound=Hashable)
_A = TypeVar("_A")

_FRESH_SECONDS = 1.0
_MOST_QUESTIONS = 64


class _Known(Generic[_A]):
    """One question, with the lock that lets one at a time ask it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.answers: list[_A] = []
        self.read_at = float("-inf")


class Kept(Generic[_Q, _A]):
    """``ask`` asks the database."""

    def __init__(self, ask: Callable[[_Q], Awaitable[_A]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[_Q, _Known[_A]] = OrderedDict()

    async def answer(self, question: _Q) -> _A:
        """A second old at most. Raises what asking raises."""
        known = self._known.setdefault(question, _Known())
        self._known.move_to_end(question)
        while len(self._known) > _MOST_QUESTIONS:
            self._known.popitem(last=False)
        async with known.lock:
            if not known.answers or self._clock() - known.read_at > _FRESH_SECONDS:
                known.answers = [await self._ask(question)]
                known.read_at = self._clock()
            return known.answers[0]
