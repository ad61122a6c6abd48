"""The status page over many sources, streams and slices in a real Chromium: from the whole to the one that fails."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest

from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import register
from tests.integration.faces.dashboard.browser import REASON, SKIPPED, chromium, window
from tests.integration.faces.dashboard.history import Page, Run, add_rejected, add_run, clock, set_slice
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.manyslices import make_slices, set_due, set_run
from tests.support.sources import stream_spec

pytestmark = pytest.mark.skipif(SKIPPED, reason=REASON)

SLICES = [json.dumps({"tenant": name}, separators=(",", ":")) for name in ("north", "south")]
FAILING = '{"tenant":"0030"}'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def expect(browser: Any) -> Any:
    """Playwright's own waiting assertions."""
    found = importlib.import_module("playwright.sync_api").expect
    found.set_options(timeout=30_000)
    return found


@pytest.fixture
def dashboard(database_url: str, tmp_path: Path) -> Iterator[DashboardProcess]:
    found = DashboardProcess(database_url, tmp_path / "home")
    yield found
    found.end()


@pytest.fixture
def many(database_url: str) -> None:
    """1,200 slices of 40 streams in 20 sources, of which one in the last source fails and one is late."""
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        make_slices(connection, sources=20, streams=2, slices=30)
        set_run(connection, "source-20.stream-2", FAILING, status="failed", reason="api_refused")
        set_due(connection, "source-19.stream-1", '{"tenant":"0001"}', late=3_600.0)


@pytest.mark.usefixtures("many")
def test_what_fails_is_on_top_and_reached_by_its_source_and_its_stream(
    browser: Any, expect: Any, dashboard: DashboardProcess
) -> None:
    with window(browser, dashboard.url) as screen:
        page = screen.page
        lines = page.locator("table.lines tbody tr")
        screen.open("#/?level=sources")
        expect(lines).to_have_count(20)
        expect(page.locator("main")).to_contain_text("1,200 slices of 40 streams in 20 sources")
        expect(page.locator(".chips a")).to_have_text(["1 failing", "1 late", "1,198 fine"])
        expect(lines.nth(0)).to_contain_text("1 failing, of 60")
        expect(lines.nth(1)).to_contain_text("1 late, of 60")
        page.get_by_role("link", name="source-20", exact=True).click()
        expect(lines).to_have_count(2)
        page.get_by_role("link", name="source-20.stream-2", exact=True).click()
        expect(page.locator("h1")).to_have_text("source-20.stream-2")
        expect(lines).to_have_count(30)
        expect(lines.first).to_contain_text("api_refused")
        page.get_by_role("link", name=FAILING).click()
        expect(page.locator(".stream .badge").first).to_have_text("failed")
        expect(page.locator(".words")).to_have_text("The API refused a request in a way that no repetition mends.")
        # And back, by where it belongs.
        page.get_by_role("navigation", name="Path").get_by_role("link", name="source-20", exact=True).click()
        expect(lines).to_have_count(2)
        screen.assert_content()


@pytest.mark.usefixtures("many")
def test_lines_are_found_sorted_and_turned_over(browser: Any, expect: Any, dashboard: DashboardProcess) -> None:
    with window(browser, dashboard.url) as screen:
        page = screen.page
        lines = page.locator("table.lines tbody tr")
        screen.open()
        # Streams are the finest of which all fit on a page.
        expect(lines).to_have_count(40)
        page.get_by_role("link", name="1,200 slices").click()
        expect(lines).to_have_count(50)
        expect(page.get_by_role("navigation", name="Pages of lines")).to_contain_text("1 to 50 of 1,200")
        expect(lines.first).to_contain_text(FAILING)
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("navigation", name="Pages of lines")).to_contain_text("51 to 100 of 1,200")
        page.get_by_role("link", name="First").click()
        page.get_by_label("Order").select_option("lag")
        expect(page).to_have_url(re.compile("sort=lag"))
        expect(lines.first).to_contain_text('source-01.stream-1 {"tenant":"0030"}')
        page.get_by_label("Find by name").fill('STREAM-2 {"tenant":"0007')
        page.keyboard.press("Enter")
        expect(lines).to_have_count(20)
        page.get_by_label("Find by name").fill("nowhere")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("Nothing is like that.")
        screen.go("#/")
        page.get_by_role("link", name="1 late").click()
        expect(lines).to_have_count(1)
        expect(lines.first).to_contain_text("source-19.stream-1")
        screen.assert_content()


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_lines_without_scrolling_sideways(
    browser: Any, expect: Any, dashboard: DashboardProcess, dark: bool
) -> None:
    with window(browser, dashboard.url, width=390, height=844, dark=dark) as screen:
        screen.open()
        for hash_ in ("#/?level=sources", "#/?level=slices", f"#/?stream=source-20.stream-2&slice={quote(FAILING)}"):
            screen.go(hash_)
            expect(screen.page.locator("table.lines tbody tr, .stream").first).to_be_visible()
            assert screen.page.evaluate("document.documentElement.scrollWidth") <= 390, hash_


def test_a_slice_is_shown_alone_and_counted_by_itself(
    browser: Any, expect: Any, dashboard: DashboardProcess, database_url: str
) -> None:
    with connected(database_url) as connection:
        slices = [register(connection, stream_spec("orders", slice_name=name)) for name in SLICES]
        connection.commit()
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        now = clock(connection)
        for slice_, rows in zip(slices, (3, 5), strict=True):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {slice_.table} (slice_id, event_id, payload)"
                    f' SELECT {slice_.slice_id}, n::text, \'{{"type":"{slice_.name[11:16]}"}}\''
                    f" FROM generate_series(1, {rows}) AS n"
                )
            ended = Run("orders", now, "complete", "last_page", ended_at=now, pages=[Page(0, rows)], slice=slice_.name)
            add_rejected(
                connection, add_run(connection, ended), "orders", "no_id", slice_.name.encode(), slice=slice_.name
            )
            set_slice(connection, "orders", slice_.name, total_ingested=rows, total_rejected=1)
    with window(browser, dashboard.url) as screen:
        page = screen.page
        screen.open()
        page.get_by_role("link", name=SLICES[1]).click()
        expect(page.locator("h1")).to_have_text(f"orders {SLICES[1]}")
        expect(page).to_have_url(re.compile(re.escape(f"#/?stream=orders&slice={quote(SLICES[1], safe='')}") + "$"))
        # Its rows alone, and not those of the slice beside it.
        stored = page.get_by_role("region", name="Stored events")
        expect(stored).to_contain_text("5 events, counted at")
        expect(stored.locator(".types .name")).to_have_text(["south"])
        expect(page.locator("table.runs tbody tr")).to_have_count(1)
        page.get_by_role("link", name="All runs").click()
        expect(page.locator("table.runs tbody tr")).to_have_count(1)
        expect(page.get_by_label("Stream")).to_have_value(json.dumps(["orders", SLICES[1]], separators=(",", ":")))
        screen.go(f"#/rejected?stream=orders&slice={quote(SLICES[1])}")
        expect(page.locator("pre.raw")).to_have_text([SLICES[1]])
        expect(page.locator("table.groups tbody tr")).to_have_count(1)
        screen.assert_content()
