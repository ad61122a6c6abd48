"""The status page over many streams and slices in a real Chromium: each is found, chosen and distinguished."""

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
from tests.integration.faces.dashboard.browser import REASON, SKIPPED, Window, chromium, window
from tests.integration.faces.dashboard.history import Page, Run, add_rejected, add_run, clock, set_slice, set_stream
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.sources import stream_spec

pytestmark = pytest.mark.skipif(SKIPPED, reason=REASON)

SLICES = [json.dumps({"tenant": name}, separators=(",", ":")) for name in ("north", "south")]


@pytest.fixture
def expect() -> Any:
    """Playwright's own waiting assertions."""
    found = importlib.import_module("playwright.sync_api").expect
    found.set_options(timeout=30_000)
    return found


@pytest.fixture
def screen(database_url: str, tmp_path: Path) -> Iterator[Window]:
    dashboard = DashboardProcess(database_url, tmp_path / "home")
    try:
        with chromium() as browser, window(browser, dashboard.url) as found:
            yield found
    finally:
        dashboard.end()


@pytest.fixture
def many(database_url: str) -> None:
    """300 streams, and one of two slices that was written longest ago, with three and five rows of equal ids."""
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
            run_id = add_run(connection, ended)
            add_rejected(connection, run_id, "orders", "no_id", slice_.name.encode(), slice=slice_.name)
            long_ago = now.replace(year=2020)
            set_slice(connection, "orders", slice_.name, total_ingested=rows, total_rejected=1, updated_at=long_ago)
        for number in range(1, 300):
            set_stream(connection, f"stream-{number:03}", pass_status="complete", total_ingested=number)
            run = Run(f"stream-{number:03}", now, "complete", "last_page", ended_at=now, pages=[Page(0)])
            add_run(connection, run)


@pytest.mark.usefixtures("many")
def test_one_slice_among_hundreds_of_streams_is_found_chosen_and_shown_alone(screen: Window, expect: Any) -> None:
    page = screen.page
    screen.open()
    expect(page.locator(".stream")).to_have_count(50)
    expect(page.locator("main")).to_contain_text("252 more, written to longer ago, are not shown.")
    page.get_by_label("Find a stream or slice").fill("SOUTH")
    page.keyboard.press("Enter")
    card = page.locator(".stream")
    expect(card).to_have_count(1)
    expect(card.locator("h2")).to_have_text(f"orders {SLICES[1]}")
    card.get_by_role("link", name=f"orders {SLICES[1]}").click()
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
    # The one that was made last is reached by going on as well.
    screen.go("#/")
    page.get_by_role("link", name="All, one after another").click()
    for _ in range(6):
        page.get_by_role("link", name="More").click()
    expect(page.locator(".stream h2", has_text="stream-299")).to_be_visible()
    screen.assert_content()
