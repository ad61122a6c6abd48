"""What the page is given of machines, and how little of it, however many slices and machines there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.storage.connection import connected
from datasync_spider.storage.machines import Fleet, note_fleet
from tests.integration.faces.dashboard.browser import REASON, SKIPPED, window
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.machines import Ran, add_machines
from tests.support.manyslices import make_slices


def test_fifty_machines_with_a_thousand_slices_are_a_page_and_so_is_what_runs_on_one(
    start_dashboard: Callable[..., DashboardProcess], writing: Connection
) -> None:
    make_slices(writing, sources=20, streams=5, slices=10)
    add_machines(
        writing,
        *(Ran(f"crawler-{number:02}.example.org", f"10.0.0.{number}:40001", slices=19) for number in range(1, 50)),
        Ran("crawler-50.example.org", "10.0.0.50:40001", slices=19, heard=90),
    )
    dashboard = start_dashboard()
    found = dashboard.ask("/api/machines.json?limit=5000")
    assert (len(found.json["machines"]), found.json["count"], found.json["whole"]["hosts"]) == (50, 51, 51)
    assert found.json["machines"][0]["state"] == "silent"
    assert found.json["whole"]["values"]["held"] == 50 * 19
    (last,) = dashboard.ask("/api/machines.json?after=50").json["machines"]
    # The runs of all slices that have just been made are of it.
    assert (last["host"], last["worker"], last["state"], last["values"]["syncs"]) == ("crawler", None, "idle", 1_000)
    of_one = dashboard.ask("/api/lines.json?level=slices&find=crawler-07.example.org, worker".replace(" ", "%20"))
    assert of_one.json["count"] == 19
    assert of_one.json["lines"][0]["values"]["machine"] == "crawler-07.example.org, worker 10.0.0.7:40001"
    lines = dashboard.ask("/api/lines.json?level=slices&sort=machine")
    state = dashboard.ask("/api/state.json")
    assert [len(answer.body) < 20_000 for answer in (found, of_one, lines, state)] == [True] * 4
    (run,) = dashboard.ask("/api/runs.json?limit=1").json["runs"]
    assert (run["host"], run["worker"]) == ("crawler-50.example.org", "10.0.0.50:40001")


@pytest.mark.skipif(SKIPPED, reason=REASON)
def test_the_page_shows_machines_their_slices_and_the_way_to_dasks_own_page(
    browser: Any, expect: Any, start_dashboard: Callable[..., DashboardProcess], writing: Connection, database_url: str
) -> None:
    make_slices(writing, sources=2, streams=2, slices=10)
    add_machines(writing, Ran("alpha", "0", slices=3), Ran("<img src=x onerror=alert(1)>", slices=2, heard=90))
    with connected(database_url) as connection:
        note_fleet(connection, Fleet("one", "alpha", 8, "http://127.0.0.1:8787/status"))
        note_fleet(connection, Fleet("two", "beta", 8, "javascript:alert(1)"))
    dashboard = start_dashboard()
    with window(browser, dashboard.url, width=390, height=844) as screen:
        page = screen.page
        screen.open()
        page.get_by_role("link", name="Machines").click()
        machines = page.locator("table.lines tbody tr")
        expect(machines).to_have_count(3)
        expect(machines.first).to_contain_text("silent")
        expect(machines.first.locator("a")).to_have_text("<img src=x onerror=alert(1)>")
        expect(page.get_by_role("list", name="Fleets").get_by_role("listitem")).to_have_count(2)
        link = page.get_by_role("link", name="Dask's own page")
        expect(link).to_have_count(1)
        expect(link).to_have_attribute("href", "http://127.0.0.1:8787/status")
        expect(link).to_have_attribute("rel", "noopener noreferrer external")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("link", name="alpha", exact=True).click()
        expect(page.locator("table.lines tbody tr")).to_have_count(3)
        expect(page.locator("table.lines tbody tr").first).to_contain_text("alpha, worker 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        screen.assert_content()
