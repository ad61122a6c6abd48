"""Ends the server when the process that started it is gone, so that a killed test run leaves nothing behind.

The parent is polled. Linux could send a signal instead, but does so when the starting *thread* ends, which a test
runner's worker thread may do long before its process.
"""

import os
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

_INTERVAL_S = 0.25


def watch_parent(parent: int, clock: IReactorTime, gone: Callable[[], object]) -> None:
    """Call `gone` once the parent process is another one than `parent`."""

    def look() -> None:
        if os.getppid() != parent:
            looking.stop()
            gone()

    looking = LoopingCall(look)
    looking.clock = clock
    looking.start(_INTERVAL_S)
