"""Work that a signal ends: whatever it is at, and whatever it raises."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from datasync_spider.errors import Stopped
from datasync_spider.storage.connection import connected
from datasync_spider.storage.interruption import interruptible
from tests.support.database import value


@contextmanager
def handled(act: Callable[[], None]) -> Iterator[None]:
    """SIGALRM does this, and then what a command does."""

    def handle(*_: object) -> None:
        act()
        raise Stopped("SIGALRM")

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_work_that_is_not_interrupted_gives_its_result_and_its_errors(database_url: str) -> None:
    with connected(database_url) as connection:
        assert interruptible(connection, lambda: 7) == 7
        with pytest.raises(psycopg2.errors.DivisionByZero):
            interruptible(connection, lambda: connection.cursor().execute("SELECT 1/0"))


def test_a_signal_between_two_statements_ends_the_next_one(database_url: str) -> None:
    signalled = threading.Event()

    def work() -> None:
        os.kill(os.getpid(), signal.SIGALRM)
        signalled.wait()
        connection.cursor().execute("SELECT pg_sleep(3600)")

    with handled(signalled.set), connected(database_url) as connection:
        with pytest.raises(Stopped):
            interruptible(connection, work)
        # Nothing works on it any more, or this would wait.
        connection.rollback()
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    assert value(database_url, asleep) == 0
