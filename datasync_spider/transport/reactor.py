"""Twisted's reactor: what is set of it, and how a single request of a command runs on it, where no crawl does that.

A reactor can be run once in a process; its event loop can be run as often as one likes. Invariant: a signal to stop
ends the work and raises Stopped, and the handlers of signals are afterwards as before.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

from twisted.internet import asyncioreactor, tcp
from twisted.web.client import HTTPConnectionPool

from datasync_spider.errors import Stopped
from datasync_spider.local.shutdown import stop_signals

_T = TypeVar("_T")
_LONGEST_IDLE_SECONDS = 15
# Each reading is a turn of the event loop: 27 for a page of 1.7 MB by Twisted's 64 kB. Twice this costs more again.
_READ_AT_ONCE_BYTES = 256 * 1024


def run(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """What the work gives. Raises Stopped where a signal to stop comes first."""
    loop = _loop()
    task = loop.create_task(work())
    received: list[str] = []

    def stop(name: str) -> None:
        received.append(name)
        task.cancel()

    with _heard(loop, stop):
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise Stopped(received[0] if received else "cancelled") from None


def prepare_reactor() -> Any:
    """Sets Twisted's documented switches, and gives the reactor that is installed.

    For the whole process: Scrapy gives no way to what its client is made of.
    """
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it earlier would install another one

    reactor: Any = installed
    # A repetition by the pool would be seen by no one.
    HTTPConnectionPool.retryAutomatically = False
    HTTPConnectionPool.cachedConnectionTimeout = _LONGEST_IDLE_SECONDS
    tcp.Client.bufferSize = _READ_AT_ONCE_BYTES
    # The threads in which names are looked up: none may hold up the end of the process.
    reactor.getThreadPool().threadFactory = partial(threading.Thread, daemon=True)
    return reactor


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Of the reactor that Scrapy has installed for a command that could crawl, else of one that is made here."""
    if "twisted.internet.reactor" in sys.modules:
        # Scrapy has made it the thread's loop, too.
        loop = asyncio.get_event_loop()
    else:
        loop = asyncio.new_event_loop()
        asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    # Names are looked up in its threads, which otherwise begin with a reactor that runs.
    prepare_reactor().getThreadPool().start()
    atexit.register(loop.close)
    return loop


@contextmanager
def _heard(loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> Iterator[None]:
    """Signals as events of the loop: an exception out of a handler could be raised, and swallowed, anywhere in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in stop_signals()}
    for number in previous:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
