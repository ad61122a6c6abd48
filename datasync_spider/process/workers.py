"""A thread of one's own for blocking work, awaited from the event loop.

Invariant: jobs of one worker run one after the other, in the order in which they were given. The thread is a
daemon: a call that hangs in a dead network must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

_T = TypeVar("_T")


class Worker:
    """Runs callables in its thread; the thread starts with the first one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[], _T]) -> asyncio.Future[_T]:
        """A future of the running loop that gets the job's result or exception. Cancelling it does not stop the job.

        What the job logs is about what the caller's lines are about.
        """
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put((partial(contextvars.copy_context().run, job), future))
        return future

    def close(self) -> None:
        """Lets the thread end after the jobs that it has."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, future = entry
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - it travels to whoever awaits the future
                _deliver(future, future.set_exception, error)
            else:
                _deliver(future, future.set_result, result)
            # A frame's last values would keep a batch alive while the thread waits for the next one.
            del entry, job, future


def _deliver(future: asyncio.Future[Any], setter: Callable[[Any], None], value: Any) -> None:
    def resolve() -> None:
        if not future.done():
            setter(value)

    try:
        future.get_loop().call_soon_threadsafe(resolve)
    except RuntimeError:
        # The loop has ended; no one waits any more.
        return
