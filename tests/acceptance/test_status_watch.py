"""``scrapy status --watch`` looks again and again, until it is asked to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.crawl import PROJECT, Crawl, clean_environment
from tests.support.mock import MockApi
from tests.support.terminal import OnTerminal
from tests.support.waiting import eventually


@pytest.mark.parametrize(("expected", "code"), [("complete", 0), ("failed", 1)])
def test_it_prints_one_report_after_the_other_and_ends_with_the_last_ones_code(
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    database_url: str,
    expected: str,
    code: int,
) -> None:
    assert start_crawl(start_mock_api("--total", "700").base_url).wait() == 0
    watching = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "status", "--watch", "--json", "--expect", expected],
        cwd=PROJECT,
        env=clean_environment(DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    with watching.stdout as reports:
        first, second = json.loads(reports.readline()), json.loads(reports.readline())
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == code
    assert first["total_ingested"] == second["total_ingested"] == 700


def test_on_a_terminal_it_draws_over_what_it_drew(database_url: str) -> None:
    watching = OnTerminal("status", "--watch", DATABASE_URL=database_url)
    try:
        eventually(lambda: watching.raw.count("\x1b[Hstream events: 0 stored") >= 2, what="the second look")
        watching.signal(signal.SIGINT)
        assert watching.wait(30) == 0
    finally:
        watching.close()
