"""The status page in a real Chromium: during a real crawl, over hostile content, on a phone, by keyboard."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.integration.faces.dashboard.browser import REASON, SKIPPED, Window, chromium, window
from tests.integration.faces.dashboard.history import (
    HOSTILE,
    Page,
    Run,
    add_hostile_history,
    add_run,
    clock,
    lease,
    set_stream,
)
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(SKIPPED, reason=REASON)

VIEWS = ("#/", "#/runs", "#/runs/1", "#/rejected")


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
def screen(browser: Any, dashboard: DashboardProcess) -> Iterator[Window]:
    with window(browser, dashboard.url) as found:
        yield found


def digits(text: str) -> int:
    return int(re.sub(r"\D", "", text) or 0)


def write(url: str, work: Callable[[Any], None]) -> None:
    with closing(psycopg2.connect(url)) as connection:
        work(connection)
        connection.commit()


def test_a_crawl_is_watched_from_its_first_page_to_its_end(
    screen: Window,
    expect: Any,
    database_url: str,
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
) -> None:
    page = screen.page
    screen.open()
    expect(page.locator("main")).to_contain_text("There are no streams yet.")
    mock = start_mock_api("--total", "6000", "--latency-ms", "120")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100", WRITE_BATCH_SIZE="100")
    expect(page.locator(".stream .badge").first).to_have_text("fetching")
    expect(page.locator(".stream .progress-words")).to_contain_text("of 6,000 events")
    seen = digits(screen.fact("Stored"))
    assert eventually(lambda: digits(screen.fact("Stored")) > seen, what="progress on the page")
    assert screen.fact("Held by").startswith("process ")
    expect(page.locator(".fact:has(dt:text-is('Time left')) dd")).to_contain_text("at the pace of the last minutes")

    page.get_by_role("link", name="Run 1", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run 1 of events")
    for figure in ("Throughput", "Page latency", "Write time"):
        eventually(partial(screen.has_curve, figure), what=f"a curve of {figure}")
    # Nothing was rejected.
    assert not screen.has_curve("Throughput", "chart-3")

    assert crawl.wait() == 0, crawl.log
    expect(page.locator("h1 + .badge")).to_have_text("complete")
    expect(page.locator(".words")).to_have_text(
        "It read the feed to its last page, and nothing that the API counts is missing."
    )
    stored = value(database_url, "SELECT count(*) FROM ingested_events")
    pages, received = rows(database_url, "SELECT count(*), sum(bytes) FROM ingestion_pages")[0]
    assert stored == 6000
    assert (digits(screen.fact("Stored")), digits(screen.fact("Events"))) == (stored, stored)
    assert digits(screen.fact("Pages")) == pages
    assert screen.fact("Received") == f"{float(received) / 1e6:.1f} MB".replace(".0 ", " ")

    screen.go("#/")
    expect(page.locator(".stream .badge").first).to_have_text("complete")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    # It was the only one: with another beside it both are lines.
    write(database_url, lambda connection: set_stream(connection, "other", paused_at=clock(connection)))
    expect(page.locator("table.lines tbody th")).to_have_text(["otherdatasync", "eventsdatasync"])
    screen.assert_content()


def test_the_table_beside_a_chart_holds_the_ledger(screen: Window, expect: Any, database_url: str) -> None:
    def history(connection: Any) -> None:
        ended = clock(connection)
        pages = [Page(n, inserted=100 * n, fetch_ms=250) for n in range(1, 21)]
        run = Run("events", ended - timedelta(seconds=21), "complete", "last_page", ended_at=ended, pages=pages)
        add_run(connection, run)

    write(database_url, history)
    screen.open("#/runs/1")
    figure = screen.page.get_by_role("figure", name="Throughput")
    figure.get_by_text("As a table").click()
    expect(figure.locator("details tbody tr")).to_have_count(22)
    reported = [digits(text) for text in figure.locator("details tbody td:nth-child(2)").all_inner_texts()]
    # The first page was made in the two seconds before its commit.
    assert reported == [0, *[100 * n for n in range(20, 1, -1)], 50, 50]


def test_waits_are_drawn_where_they_were_and_none_are_called_none(
    screen: Window, expect: Any, database_url: str
) -> None:
    def history(connection: Any) -> None:
        ended = clock(connection)
        waited = [Page(1), Page(20, waited_ms=17_000, attempts=2), Page(21)]
        for pages in (waited, [Page(1), Page(2)]):
            add_run(
                connection,
                Run("events", ended - timedelta(seconds=22), "complete", "last_page", ended_at=ended, pages=pages),
            )

    write(database_url, history)
    screen.open("#/runs/1")
    figure = screen.page.get_by_role("figure", name="Waits and retries")
    assert eventually(partial(screen.has_curve, "Waits and retries", "chart-4"), what="the wait")
    expect(figure).to_contain_text("Waiting: at most 100 %")
    expect(figure.locator(".nothing")).to_be_hidden()
    figure.get_by_text("As a table").click()
    # The rows are made when the table is opened, a moment after the click.
    expect(figure.locator("details tbody td:nth-child(2)", has_text="100 %")).to_have_count(17)
    screen.go("#/runs/2")
    expect(figure.locator(".nothing")).to_have_text("No waits and no retries.")
    expect(figure.locator(".nothing")).to_be_visible()
    screen.assert_content()


def test_a_stream_shows_no_more_than_there_is_to_tell(screen: Window, expect: Any, database_url: str) -> None:
    page = screen.page
    # One that was named, and was never begun.
    write(database_url, lambda connection: set_stream(connection, "events", paused_at=clock(connection)))
    screen.open()
    expect(page.locator(".stream .badge").first).to_have_text("never run")
    expect(page.locator(".stream .advice")).to_be_visible()
    expect(page.locator(".stream .facts")).to_be_hidden()
    expect(page.get_by_role("progressbar")).to_be_hidden()

    def history(connection: Any) -> None:
        now = clock(connection)
        add_run(connection, Run("events", now, "complete", "last_page", ended_at=now, pages=[Page(0)]))
        newest = now.replace(year=2968, month=1, day=11)
        set_stream(connection, "events", total_ingested=10, pass_expected_total=10, newest_occurred_at=newest)

    write(database_url, history)
    expect(page.locator(".stream .facts")).to_be_visible()
    # A source whose clock is wrong says nothing of the lag.
    expect(page.locator(".fact:has(dt:text-is('Lag')) dd")).to_have_text("–newest event dated 11 Jan 2968")
    screen.assert_content()


def test_hostile_content_is_shown_and_does_nothing(screen: Window, expect: Any, database_url: str) -> None:
    write(database_url, add_hostile_history)
    page = screen.page
    screen.open()
    for hash_ in (*VIEWS, "#/runs/2", "#/rejected?reason=" + "<script>window.hacked=8</script>"):
        screen.go(hash_)
        expect(page.locator("main h1")).to_be_attached()
        expect(page.locator("main")).not_to_contain_text("Counting …")
    screen.go("#/rejected")
    dead_letters = page.locator("pre.raw")
    expect(dead_letters).to_have_count(9)
    shown = dead_letters.all_inner_texts()
    for text in HOSTILE:
        assert any(text in entry for entry in shown), text
    assert dead_letters.nth(0).inner_text() == "<script>window.hacked=7</script>" + "A" * 2_016 + "…"
    expect(page.locator(".letter").first).to_contain_text("the first 2,048 of 1,000,032 bytes")
    assert dead_letters.nth(1).locator(".mark").all_inner_texts() == ["U+202E", "U+2066", "U+200B", "U+0007", "0xFF"]
    assert "\u202e" not in page.locator("body").inner_text()

    assert page.evaluate("window.hacked") is None
    assert page.locator("main :is(script, iframe, img, svg, style, object, form[action])").count() == 0
    assert page.locator("script").count() == 2
    screen.assert_content()


def test_the_policy_would_stop_what_came_through(screen: Window) -> None:
    screen.open()
    screen.page.evaluate(
        """() => {
            const image = document.createElement("img");
            image.src = "https://elsewhere.example/pixel";
            document.body.append(image);
            const style = document.createElement("style");
            style.textContent = "body { display: none }";
            document.body.append(style);
            try { document.body.innerHTML = "<p>markup from text</p>"; } catch {}
            import("data:text/javascript,window.hacked=1").catch(() => {});
        }"""
    )
    eventually(lambda: len(screen.violations()) >= 4, what="four violations")
    reported = " ".join(screen.violations())
    for directive in ("img-src", "style-src-elem", "require-trusted-types-for", "script-src-elem"):
        assert directive in reported
    assert screen.page.evaluate("window.hacked") is None
    assert screen.page.locator("main").is_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_everything_without_scrolling_sideways(
    browser: Any, dashboard: DashboardProcess, database_url: str, expect: Any, dark: bool
) -> None:
    write(database_url, add_hostile_history)
    with window(browser, dashboard.url, width=390, height=844, dark=dark) as screen:
        screen.open()
        for hash_ in VIEWS:
            screen.go(hash_)
            expect(screen.page.locator("main h1")).to_be_attached()
            expect(screen.page.locator("main")).not_to_contain_text("Counting …")
            assert screen.page.evaluate("document.documentElement.scrollWidth") <= 390, hash_
        ground = screen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        red, green, blue = map(int, re.findall(r"\d+", ground)[:3])
        assert (red + green + blue < 150) is dark


def test_the_keyboard_and_a_screen_reader_get_everywhere(screen: Window, expect: Any, database_url: str) -> None:
    def history(connection: Any) -> None:
        now = clock(connection)
        run_id = add_run(connection, Run("events", now - timedelta(seconds=60), pages=[Page(0), Page(30)]))
        set_stream(connection, "events", total_ingested=10_000, pass_expected_total=40_000, **lease(run_id, now, 600))

    write(database_url, history)
    page = screen.page
    screen.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for name in ("DataSync", "Streams", "Runs"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    expect(page.get_by_role("progressbar", name="Progress of events")).to_have_attribute(
        "aria-valuetext", "25 % 10,000 of 40,000 events"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    expect(page.locator("main")).to_be_focused()
    expect(page.get_by_role("link", name="Runs", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("table", name="Runs, newest first").get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("combobox", name="Status")).to_be_visible()
    screen.go("#/runs/1")
    expect(page.get_by_role("figure", name="Page latency")).to_contain_text("Mean: at most 400 ms")
    # What changes in kind is said aloud.
    write(database_url, lambda connection: set_stream(connection, "events", lease_run_id=None, lease_owner=None))
    expect(page.get_by_role("status")).to_contain_text("Run 1 of events: displaced.")


def test_runs_are_filtered_by_hand_and_the_filter_can_be_shared(screen: Window, expect: Any, database_url: str) -> None:
    def history(connection: Any) -> None:
        now = clock(connection)
        for number in range(60):
            status, reason = ("failed", "api_refused") if number % 2 else ("complete", "last_page")
            add_run(connection, Run("events", now, status, reason, ended_at=now))

    write(database_url, history)
    page = screen.page
    screen.open("#/runs")
    table = page.locator("table.runs tbody tr")
    expect(table).to_have_count(25)
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile(r"#/runs\?status=failed$"))
    expect(page.locator("table.runs .badge").first).to_have_text("failed")
    expect(page.locator("table.runs .badge:text-is('complete')")).to_have_count(0)
    page.get_by_role("link", name="Older").click()
    expect(table).to_have_count(5)
    page.get_by_role("link", name="Newest").click()
    expect(table).to_have_count(25)
    screen.assert_content()
