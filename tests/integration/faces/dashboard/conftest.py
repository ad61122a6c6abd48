"""Fixtures of the dashboard's integration tests: a connection to write history with, the dashboard, and a browser."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's name for the class

from tests.integration.faces.dashboard.browser import chromium
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.database import fresh_database


@pytest.fixture
def writing(database_url: str) -> Iterator[Connection]:
    """A connection of the test's own; each statement is committed."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def shared_dashboard(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    """One for all tests of a file that only ask and write nothing: its database is empty."""
    with fresh_database(postgres_url) as url:
        dashboard = DashboardProcess(url, tmp_path_factory.mktemp("shared") / "home")
        yield dashboard
        dashboard.end()


@pytest.fixture
def start_dashboard(database_url: str, tmp_path: Path) -> Iterator[Callable[..., DashboardProcess]]:
    """Starts dashboards over this test's database; they end with the test."""
    started: list[DashboardProcess] = []

    def start(*arguments: str, url: str = database_url) -> DashboardProcess:
        started.append(DashboardProcess(url, tmp_path / "home", *arguments))
        return started[-1]

    yield start
    for dashboard in started:
        dashboard.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def expect(browser: Any) -> Any:
    """Playwright's own waiting assertions."""
    found = importlib.import_module("playwright.sync_api").expect
    found.set_options(timeout=30_000)
    return found
