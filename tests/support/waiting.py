"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def eventually(look: Callable[[], _T], *, seconds: float = 120.0, what: str = "the condition") -> _T:
    """The first truthy result of ``look``. Fails the test where none comes in time."""
    deadline = time.monotonic() + seconds
    pause = threading_pause()
    while True:
        result = look()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        pause()


def threading_pause() -> Callable[[], None]:
    """A breath between two looks, so that looking does not take the processor from what is looked at."""
    import threading

    never = threading.Event()
    return lambda: (never.wait(0.02), None)[1]
