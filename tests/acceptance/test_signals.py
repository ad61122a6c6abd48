"""SIGTERM in every state: the run ends soon, says what it is, and the next one loses nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.mock import MockApi
from tests.support.truth import assert_books_balance, assert_exact
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


@pytest.mark.parametrize(
    "place",
    [
        "at_start",
        "run_opened",
        "before_fetch",
        "after_fetch",
        "waiting",
        "mid_copy",
        "before_checkpoint",
        "after_commit",
    ],
)
def test_a_signal_ends_the_run_in_every_state(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    faults = [{"name": "slow", "rate": 1.0, "delay_ms": 50}]
    if place == "waiting":
        faults.append({"name": "rate_limit_burst", "requests": [3], "wait_ms": 6000})
    mock.control("faults", "POST", faults)
    crawl = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@1=stop", **SETTINGS)
    eventually(lambda: _is_frozen(crawl), what="the state")
    crawl.kill(signal.SIGTERM)
    crawl.kill(signal.SIGCONT)
    assert crawl.wait(10) == 5, crawl.log
    assert "ingestion complete" not in crawl.log
    assert value(database_url, "SELECT lease_owner FROM ingestion_state WHERE id = 1") is None
    mock.control("faults", "DELETE")
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait(120) == 0, again.log
    assert_exact(database_url, 3000)


def test_a_second_signal_ends_the_run_at_once_and_what_was_committed_stays(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000")
    mock.control("faults", "POST", [{"name": "stalled", "requests": [8]}])
    crawl = start_crawl(mock.base_url, API_TIMEOUT_MS="60000", **SETTINGS)
    eventually(lambda: value(database_url, "SELECT count(*) >= 7 FROM ingestion_pages"), what="seven committed pages")
    crawl.kill(signal.SIGTERM)
    eventually(lambda: "received SIGTERM" in crawl.log, what="the first signal to be heard")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(5) == 5, crawl.log
    assert_books_balance(database_url)
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(database_url, 3000)


def _is_frozen(crawl: Crawl) -> bool:
    pid, status = os.waitpid(crawl.process.pid, os.WUNTRACED | os.WNOHANG)
    return pid != 0 and os.WIFSTOPPED(status)
