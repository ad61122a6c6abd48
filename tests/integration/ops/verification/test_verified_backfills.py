"""``scrapy verify`` and ``scrapy status`` stay right after a backfill: beside each state of the pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from datasync_spider.items import EventPage
from datasync_spider.storage.connection import connected
from datasync_spider.storage.runs import finish_run
from datasync_spider.storage.status import read_last_backfill, read_last_runs
from datasync_spider.storage.streams import list_slices
from tests.support.database import execute_outside, rows
from tests.support.runs import EVENTS, run_writer
from tests.support.truth import assert_totals_balance
from tests.support.verifying import checks_of, failing, make_sound, replay_all, run_of, step


def backfill(url: str, *pages: EventPage, ends: bool = True) -> None:
    with run_writer(url, is_backfill=True) as run:
        for one in pages:
            run.write(one)
        if not ends:
            finish_run(run.connection, run.run, "stopped", "SIGTERM", None, 0, 0)


def window(*, ends_pass: str | None = "last_page") -> list[EventPage]:
    bad = [("id_too_long", b'{"id":"w","timestamp":1700000003500}')]
    return [
        step(1, [30, 29], None, "w1", rejected=bad),
        step(2, [28, 8], "w1", "w2"),
        step(3, [-1], None, "w1", chain=2, ends_pass=ends_pass),
    ]


def nothing(url: str) -> None:
    pass


def open_pass(url: str) -> None:
    run_of(url, step(1, [10, 9], None, "c1"), step(2, [8, 7], "c1", "c2"))


@pytest.mark.parametrize("before", [nothing, open_pass, make_sound], ids=["never ran", "open", "complete"])
def test_everything_holds_after_backfills_and_after_what_follows_them(
    database_url: str, before: Callable[[str], None]
) -> None:
    before(database_url)
    last_runs = [row["run_id"] for row in runs_of(database_url)]
    backfill(database_url, *window(ends_pass=None), ends=False)
    backfill(database_url, *window())
    assert failing(database_url) == set()
    assert_totals_balance(database_url)
    assert [row["run_id"] for row in runs_of(database_url)] == last_runs
    replay_all(database_url)
    assert failing(database_url) == set()
    if before is open_pass:
        run_of(database_url, step(1, [6], "c2", "c3"))
    else:
        run_of(database_url, step(1, [31], None, "g1"))
    assert failing(database_url) == set()
    assert_totals_balance(database_url)


def test_a_page_of_a_backfill_that_is_missing_is_found(database_url: str) -> None:
    make_sound(database_url)
    backfill(database_url, *window())
    execute_outside(
        database_url, "DELETE FROM ingestion_pages WHERE pass_number = 0 AND page_number = 2 AND newest_at IS NOT NULL"
    )
    assert failing(database_url) >= {"page_numbers"}
    assert checks_of(database_url)["position"].holds


def test_the_last_backfill_is_shown_apart_until_a_pass_goes_on(database_url: str) -> None:
    make_sound(database_url)
    with connected(database_url) as connection:
        assert read_last_backfill(connection, 1) is None
        backfill(database_url, *window())
        remote_total = read_last_backfill(connection, 1)
        assert remote_total is not None
        assert (remote_total["status"], remote_total["reason"], remote_total["pages"]) == ("complete", "backfilled", 3)
        (listed,) = list_slices(connection, [EVENTS.stream], 0)
        assert (listed["run_id"], listed["status"]) == (runs_of(database_url)[0]["run_id"], "complete")
        run_of(database_url, step(1, [31], None, "g1"))
        assert read_last_backfill(connection, 1) is None


def runs_of(url: str) -> list[dict[str, object]]:
    with connected(url) as connection:
        return read_last_runs(connection, 1, 50)


def test_totals_of_a_window_are_not_the_streams(database_url: str) -> None:
    make_sound(database_url)
    before = rows(database_url, "SELECT pass_expected_total FROM ingestion_state")
    backfill(database_url, *window())
    assert rows(database_url, "SELECT pass_expected_total FROM ingestion_state") == before
