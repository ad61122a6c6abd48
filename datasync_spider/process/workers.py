"""Threads for blocking work, awaited from the event loop: a few, shared by many workers.

Invariant: jobs of one worker run one after the other, in the order in which they were given, and those that wait for a
thread get one in the order in which they came. The threads are daemons: a call that hangs in a dead network must not
keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple[Callable[[], Any], asyncio.Future[Any]]

_IDLE_SECONDS = 10.0


class Threads:
    """At most so many. One is started when there is a job and none is idle, and ends when it has been for a while."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._changed = threading.Condition()
        self._ready: deque[Worker] = deque()
        self._count = 0
        self._idle = 0
        self._started = 0
        self._is_closed = False

    def put(self, worker: Worker, job: _Job) -> None:
        """The job is done when those that the worker has are."""
        with self._changed:
            worker.jobs.append(job)
            if len(worker.jobs) > 1 or worker.is_busy:
                return
            self._ready.append(worker)
            if self._idle >= len(self._ready):
                self._changed.notify()
            elif self._count < self._most:
                self._count += 1
                self._started += 1
                name = self._name if self._most == 1 else f"{self._name}-{self._started}"
                threading.Thread(target=self._run, name=name, daemon=True).start()

    def close(self) -> None:
        """Those that are idle end now, and the others after their jobs."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._ready or self._is_closed, _IDLE_SECONDS)
                self._idle -= 1
                if not self._ready:
                    self._count -= 1
                    return
                worker = self._ready.popleft()
                worker.is_busy = True
                job = worker.jobs.popleft()
            _do(*job)
            # A frame's last values would keep a batch alive while the thread waits for the next one.
            del job
            with self._changed:
                worker.is_busy = False
                if worker.jobs:
                    # For this thread, unless others have waited for longer.
                    self._ready.append(worker)
            del worker


class Worker:
    """Runs callables one after the other, in threads that it shares; ``threads`` None: in one of its own."""

    def __init__(self, name: str, threads: Threads | None = None) -> None:
        self._is_alone = threads is None
        self._threads = Threads(name, 1) if threads is None else threads
        self.jobs: deque[_Job] = deque()
        """Those that have no thread yet; theirs, as is ``is_busy``, whether one has."""
        self.is_busy = False

    def submit(self, job: Callable[[], _T]) -> asyncio.Future[_T]:
        """A future of the running loop that gets the job's result or exception. Cancelling it does not stop the job.

        What the job logs is about what the caller's lines are about.
        """
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._threads.put(self, (partial(contextvars.copy_context().run, job), future))
        return future

    def close(self) -> None:
        """Lets a thread of its own end after the jobs that it has."""
        if self._is_alone:
            self._threads.close()


def _do(job: Callable[[], Any], future: asyncio.Future[Any]) -> None:
    try:
        result = job()
    except BaseException as error:  # noqa: BLE001 - it travels to whoever awaits the future
        _deliver(future, future.set_exception, error)
    else:
        _deliver(future, future.set_result, result)


def _deliver(future: asyncio.Future[Any], setter: Callable[[Any], None], value: Any) -> None:
    def resolve() -> None:
        if not future.done():
            setter(value)

    try:
        future.get_loop().call_soon_threadsafe(resolve)
    except RuntimeError:
        # The loop has ended; no one waits any more.
        return
