"""``scrapy dashboard``: how it begins and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.integration.faces.dashboard.process import DashboardProcess, LiveConnection
from tests.support.crawl import scrapy

Start = Callable[..., DashboardProcess]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_also_while_someone_looks(start_dashboard: Start, number: signal.Signals) -> None:
    dashboard = start_dashboard()
    with closing(LiveConnection(dashboard)) as viewer:
        viewer.message()
        assert dashboard.end(number) == 0
        assert "Traceback" not in dashboard.log


def test_a_port_that_is_taken_is_said_so(shared_dashboard: DashboardProcess, database_url: str) -> None:
    done = scrapy("dashboard", "--port", str(shared_dashboard.port), DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "cannot be bound" in done.stderr


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--allow-host", "http://x"], ["--host", ""]])
def test_arguments_that_make_no_sense_are_refused(database_url: str, arguments: list[str]) -> None:
    done = scrapy("dashboard", *arguments, DATABASE_URL=database_url)
    assert done.returncode == 2
    assert done.stderr.startswith("dashboard: ")


def test_being_reachable_from_outside_is_warned_of(start_dashboard: Start) -> None:
    dashboard = start_dashboard("--host", "0.0.0.0")
    assert "it asks for no password" in dashboard.log
    assert "no password" not in start_dashboard().log
