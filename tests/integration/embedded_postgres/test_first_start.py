"""The first start of the embedded PostgreSQL, when someone has had enough of it before it is done."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from datasync_spider.errors import Stopped
from embedded_postgres.places import Places
from embedded_postgres.postmaster import server_processes
from embedded_postgres.starting import start_embedded
from tests.support.memory import quick_directory
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[3]
STARTER = """
import sys
from pathlib import Path
from embedded_postgres.starting import start_embedded
start_embedded(Path(sys.argv[1]))
"""
# Files below ``postgres``, in the order in which a first start makes them.
WHILE_IT_IS_MADE = ["unfinished-*/PG_VERSION", "unfinished-*/global/1262", "unfinished-*/base/5"]
WHILE_THE_SERVER_STARTS = "data/postmaster.pid"


@pytest.fixture
def home() -> Iterator[Path]:
    """Not in pytest's own directory: each session of pytest closes that one to other accounts, such as the server's."""
    with tempfile.TemporaryDirectory(prefix="datasync-", dir=quick_directory()) as directory:
        yield Path(directory) / "home"
        for process in programs(Path(directory)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(lambda: programs(Path(directory)) == [], what="the end of what was started")


def programs(home: Path) -> list[psutil.Process]:
    """PostgreSQL's, at work on this home: those that make the database, which are no server, among them."""
    return [process for process in psutil.process_iter(["name"]) if _is_at_work(process, home)]


def _is_at_work(process: psutil.Process, home: Path) -> bool:
    try:
        named = process.name() in {"initdb", "postgres"} and process.status() != psutil.STATUS_ZOMBIE
        return named and Path(process.cwd()).is_relative_to(home)
    except psutil.Error:
        return False


def strangers(home: Path) -> list[psutil.Process]:
    """Programs that are not the server's."""
    found = programs(home)
    server = server_processes(Places.below(home).data)
    return [process for process in found if process not in server]


def leftovers(home: Path) -> list[Path]:
    return list((home / "postgres").glob("unfinished-*"))


def reached(home: Path, stage: str) -> bool:
    return any((home / "postgres").glob(stage))


def stop(number: int, _: object) -> None:
    raise Stopped(signal.Signals(number).name)


@contextmanager
def interrupted_at(home: Path, stage: str) -> Iterator[None]:
    """Sends this process a signal whose handler raises, as soon as the stage is reached.

    What other tests have left is cleared away before: Python lets nothing be raised out of a finaliser.
    """

    def watch() -> None:
        eventually(lambda: reached(home, stage), what=stage)
        os.kill(os.getpid(), signal.SIGALRM)

    previous = signal.signal(signal.SIGALRM, stop)
    watcher = threading.Thread(target=watch)
    gc.collect()
    gc.disable()
    watcher.start()
    try:
        yield
    finally:
        watcher.join()
        gc.enable()
        signal.signal(signal.SIGALRM, previous)


# A signal that comes while subprocess.Popen is being made costs its object, which complains; the process is found.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("stage", [*WHILE_IT_IS_MADE, WHILE_THE_SERVER_STARTS])
def test_an_interrupted_first_start_leaves_no_program_and_no_half_made_database(home: Path, stage: str) -> None:
    with pytest.raises(Stopped), interrupted_at(home, stage):
        start_embedded(home)

    assert leftovers(home) == []
    eventually(lambda: programs(home) == [], seconds=10, what="the end of what was started")


@pytest.mark.parametrize("stage", WHILE_IT_IS_MADE)
def test_a_killed_first_start_is_cleared_away_by_the_next_one_though_its_programs_live_on(
    home: Path, stage: str
) -> None:
    killed = subprocess.Popen([sys.executable, "-c", STARTER, str(home)], cwd=PROJECT)
    eventually(lambda: reached(home, stage), what=stage)
    killed.kill()
    killed.wait()

    with start_embedded(home):
        assert leftovers(home) == []
        eventually(lambda: strangers(home) == [], seconds=10, what="the end of the killed one's programs")


# As above.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whenever_a_first_start_is_interrupted_the_next_one_clears_away(home: Path) -> None:
    previous = signal.signal(signal.SIGALRM, stop)
    try:
        for microseconds in (20_000, 120_000, 350_000, 600_000):
            signal.setitimer(signal.ITIMER_REAL, microseconds / 1_000_000)
            try:
                server = start_embedded(home)
            except Stopped:
                assert server_processes(Places.below(home).data) == []
            else:
                signal.setitimer(signal.ITIMER_REAL, 0)
                server.close()
    finally:
        signal.signal(signal.SIGALRM, previous)

    with start_embedded(home):
        assert leftovers(home) == []
