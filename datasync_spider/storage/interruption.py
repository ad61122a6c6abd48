"""Work on a connection that a signal ends at once, whatever the server does meanwhile.

A statement keeps the interpreter from running signal handlers, so the work has a thread of its own, and the thread that
hears signals only waits. Invariant: when this returns or raises, nothing works on the connection any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, TypeVar

import psycopg2

from datasync_spider.errors import Stalled
from datasync_spider.storage.connection import Connection, hang_up
from datasync_spider.storage.standstill import StandstillWatch

_T = TypeVar("_T")

_CANCEL_AGAIN_SECONDS = 0.2
_CANCELLED_WITHIN_SECONDS = 2.0


def interruptible(connection: Connection, work: Callable[[], _T], watch: StandstillWatch | None = None) -> _T:
    """The result of ``work``, which uses ``connection`` and catches no error of its. Raises what the work raises.

    Raises Stalled where the watch over the connection says so. After an exception in this thread, such as that or a
    signal handler's, the connection is good for nothing but closing.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="datasync-statement") as pool:
        future = pool.submit(work)
        try:
            while watch is not None and not wait([future], watch.pause_seconds).done:
                watch.check()
            return future.result()
        except Stalled:
            # Not cancelled: a COMMIT that waits for a standby would be cut short, and count all the same.
            hang_up(connection)
            raise
        except BaseException:
            if not future.done():
                _end(connection, future)
            raise


def _end(connection: Connection, future: Future[Any]) -> None:
    """Asks the server to end the statement; where that does not help, and at another signal, hangs up."""
    threading.Thread(target=_cancel, args=(connection, future), daemon=True).start()
    try:
        wait([future], _CANCELLED_WITHIN_SECONDS)
    finally:
        if not future.done():
            hang_up(connection)


def _cancel(connection: Connection, future: Future[Any]) -> None:
    """Again until it is done: between two statements there is nothing to cancel. A frozen server keeps this waiting."""
    while not future.done():
        with suppress(psycopg2.Error):
            connection.cancel()
        wait([future], _CANCEL_AGAIN_SECONDS)
