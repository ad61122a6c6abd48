"""A terminal that goes away: a run is stopped with its position saved, unless it was started to outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.crawl import PROJECT, Crawl, clean_environment
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.truth import assert_exact
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


@pytest.mark.parametrize("place", ["at_start", "after_fetch"])
def test_a_run_is_stopped_and_says_so_however_often_it_hears_of_it(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    crawl = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@1=stop", **SETTINGS)
    eventually(lambda: crawl.is_frozen, what="the state")
    crawl.kill(signal.SIGHUP)
    crawl.kill(signal.SIGCONT)
    # The kernel says it, and then the shell does. The process may have ended in between.
    while not _has_ended(crawl):
        with suppress(ProcessLookupError):
            crawl.kill(signal.SIGHUP)
    assert crawl.wait(45) == 5, crawl.log
    if place != "at_start":
        assert rows(database_url, "SELECT status, reason FROM ingestion_runs") == [("stopped", "SIGHUP")]
    assert value(database_url, "SELECT lease_owner FROM ingestion_state WHERE id = 1") is None
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(database_url, 3000)


def _has_ended(crawl: Crawl) -> bool:
    try:
        crawl.process.wait(0.05)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_a_run_that_was_started_to_outlive_its_terminal_goes_on(
    slow_mock: MockApi, database_url: str, tmp_path: Path
) -> None:
    crawl = subprocess.Popen(
        ["sh", "-c", f"trap '' HUP; exec {sys.executable} -m scrapy crawl events"],
        cwd=PROJECT,
        env=clean_environment(
            DATABASE_URL=database_url, API_BASE_URL=slow_mock.base_url, DATASYNC_HOME=str(tmp_path), **SETTINGS
        ),
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: value(database_url, "SELECT count(*) > 0 FROM ingestion_pages"), what="a committed page")
        os.kill(crawl.pid, signal.SIGHUP)
        assert crawl.wait(60) == 0
    finally:
        crawl.kill()
        crawl.wait()
    assert_exact(database_url, 8000)


def test_a_command_that_watches_ends_with_its_own_exit_code(database_url: str) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "status", "--watch", "--json"],
        cwd=PROJECT,
        env=clean_environment(DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
    )
    assert watching.stdout is not None
    with watching.stdout as shown:
        # A line a look: with the second one, the first has been looked at to its end.
        assert shown.readline()
        assert shown.readline()
        os.kill(watching.pid, signal.SIGHUP)
        assert watching.wait(45) == 0
