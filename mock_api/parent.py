"""Ends the server when the process that started it is gone, so that a killed test run leaves nothing behind.

The parent is polled. Linux could send a signal instead, but does so when the starting *thread* ends, which a test
runner's worker thread may do long before its process.
"""

import asyncio
import os
from collections.abc import Callable

_INTERVAL_S = 0.25


async def watch_parent(parent: int, gone: Callable[[], object]) -> None:
    """Call `gone` once the parent process is another one than `parent`."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no one else reports
        await asyncio.sleep(_INTERVAL_S)
    gone()
