"""The page in a real Chromium when something goes away: its database, its server, its place, its reader's eyes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.faces.dashboard.live import MOST_VIEWERS
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import migrate
from embedded_postgres.starting import start_embedded
from tests.integration.faces.dashboard.browser import REASON, SKIPPED, window
from tests.integration.faces.dashboard.process import DashboardProcess, LiveConnection
from tests.support.memory import quick_directory
from tests.support.postgres import OwnServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(SKIPPED, reason=REASON)

_SET_HIDDEN = """
    (hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }
"""


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server that this test may kill."""
    place = tempfile.TemporaryDirectory(prefix="datasync-own-", dir=quick_directory())
    with place as home, start_embedded(Path(home)) as server:
        with connected(server.url) as connection:
            migrate(connection)
        yield OwnServer(Path(home), server.url)


def test_a_database_that_goes_away_is_reported_and_so_is_its_return(
    browser: Any, expect: Any, own_server: OwnServer, tmp_path: Path
) -> None:
    dashboard = DashboardProcess(own_server.url, tmp_path / "home")
    try:
        with window(browser, dashboard.url) as screen:
            screen.open()
            notice = screen.page.locator("#notice")
            expect(notice).to_be_hidden()
            own_server.lose_power()
            expect(notice).to_contain_text(re.compile(r"PostgreSQL cannot be reached\. Nothing could be read since \d"))
            expect(screen.page.locator("main")).to_contain_text("There are no streams yet.")
            own_server.start()
            expect(notice).to_be_hidden()
            expect(screen.page.locator("#connection")).to_have_text("live")
    finally:
        dashboard.end()


def test_a_dashboard_that_ends_is_reported_and_found_again(
    browser: Any, expect: Any, database_url: str, tmp_path: Path
) -> None:
    dashboard = DashboardProcess(database_url, tmp_path / "home")
    with window(browser, dashboard.url) as screen:
        screen.open()
        assert dashboard.end() == 0
        expect(screen.page.locator("#notice")).to_contain_text("The dashboard has not answered since")
        again = DashboardProcess(database_url, tmp_path / "home", port=dashboard.port)
        try:
            expect(screen.page.locator("#notice")).to_be_hidden()
            expect(screen.page.locator("#connection")).to_have_text("live")
        finally:
            again.end()


def test_a_tab_that_cannot_be_seen_stops_asking(
    browser: Any, expect: Any, start_dashboard: Callable[..., DashboardProcess]
) -> None:
    dashboard = start_dashboard()

    def viewers() -> int:
        return int(dashboard.ask("/healthz").json["viewers"])

    with window(browser, dashboard.url) as screen:
        screen.open()
        connection = screen.page.locator("#connection")
        assert viewers() == 1
        screen.page.evaluate(_SET_HIDDEN, True)
        expect(connection).to_have_text("paused")
        eventually(lambda: viewers() == 0, what="leaving")
        screen.page.evaluate(_SET_HIDDEN, False)
        expect(connection).to_have_text("live")
        assert viewers() == 1
        screen.assert_content()


def test_a_viewer_for_whom_there_is_no_place_asks_from_time_to_time(
    browser: Any, expect: Any, start_dashboard: Callable[..., DashboardProcess]
) -> None:
    dashboard = start_dashboard()
    with ExitStack() as places, window(browser, dashboard.url) as screen:
        for _ in range(MOST_VIEWERS):
            places.enter_context(closing(LiveConnection(dashboard)))
        screen.open()
        expect(screen.page.locator("#connection")).to_have_text("every few seconds")
        expect(screen.page.locator("main")).to_contain_text("There are no streams yet.")
        expect(screen.page.locator("#notice")).to_be_hidden()
        places.close()
        expect(screen.page.locator("#connection")).to_have_text("live")
