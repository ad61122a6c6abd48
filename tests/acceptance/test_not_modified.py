"""First pages that are asked for only if they have changed: one request where nothing is new, and no record less."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.collection import (
    PAGE_SIZE,
    Request,
    assert_all_stored,
    at,
    item,
    park,
    serving_collection,
)
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.feed import Reply

ALONE = '{ type = "conditional" }'
RECORDS = [item(f"r{n}", n * 60) for n in range(5)]
LAST = "SELECT status, reason, pages, pass_kind FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"


def sync(start_crawl: Callable[..., Crawl], settings: dict[str, str], code: int = 0, **more: str) -> None:
    crawl = start_crawl("", spider="park.items", **{**settings, **more})
    assert crawl.wait() == code, crawl.log


def conditions(asked: list[Request]) -> list[str | None]:
    return [request.headers.get("if-none-match") for request in asked]


def test_a_page_that_has_not_changed_is_a_complete_sync_of_one_request(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", RECORDS, tags=True) as api:
        settings = park(tmp_path / "sources", api, ALONE)
        crashed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT="after_commit@1=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        # Nothing is complete yet, so nothing is asked on condition, and the pass goes on.
        sync(start_crawl, settings)
        assert conditions(api.asked) == [None] * len(api.asked)
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert rows(database_url, LAST) == [("complete", "not_modified", 0, "full")]
        (tag,) = conditions(api.asked[asked:])
        assert tag is not None
        assert tag.startswith('W/"')

        # A new page is not proven by a pass that was killed: the next one asks with the tag of the last complete one.
        api.records += [item(f"new{n}", 600 + n) for n in range(4)]
        crashed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT="before_commit@1=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert conditions(api.asked[asked:])[0] == tag
        assert_all_stored(database_url, api)
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert conditions(api.asked[asked:])[0] not in (None, tag)
        assert len(api.asked) == asked + 1

        # What is asked for otherwise is not asked on a condition of before.
        other = park(tmp_path / "sources", api, ALONE, 'headers = { "X-All" = "yes" }')
        asked = len(api.asked)
        sync(start_crawl, other)
        assert conditions(api.asked[asked:]) == [None] * 3
        verify = scrapy(
            *("verify", "--no-api"), STREAM="park.items", DATABASE_URL=database_url, SOURCES_DIR=settings["SOURCES_DIR"]
        )
        assert verify.returncode == 0, verify.stdout
        reset = scrapy("streams", "reset", "park.items", "--yes", DATABASE_URL=database_url, **settings)
        assert reset.returncode == 0, reset.stdout + reset.stderr
        sync(start_crawl, other)
        assert conditions(api.asked[-3:]) == [None] * 3
        assert_all_stored(database_url, api)


def test_a_first_page_that_stays_proves_nothing_where_new_records_come_last(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("oldest-first", RECORDS[:2], tags=True, reports_total=False) as api:
        settings = park(tmp_path / "sources", api, ALONE)
        sync(start_crawl, settings)
        sync(start_crawl, settings)
        # The page is all there is.
        assert rows(database_url, LAST) == [("complete", "not_modified", 0, "full")]
        for record in RECORDS[2:]:
            api.records.append(record)
            sync(start_crawl, settings)
            assert_all_stored(database_url, api)
        assert len(api.records) > PAGE_SIZE


def test_a_stream_that_asks_from_a_time_asks_on_condition_as_well(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    stamp = "Thu, 01 Jan 2026 12:00:00 GMT"

    def by_date(request: Request) -> Reply | None:
        is_new = request.headers.get("if-modified-since") != stamp or request.since != at(240)
        return Reply(api.page(request.query), 200, {"Last-Modified": stamp}) if is_new else Reply(b"", 304)

    with serving_collection("newest-first", RECORDS, answer=by_date) as api:
        settings = park(tmp_path / "sources", api, '{ type = "since", param = "since", conditional = true }')
        for _ in range(3):
            sync(start_crawl, settings)
        # The second one asks for something else than the first; the third for the same.
        assert [request.since for request in api.asked] == [None, None, at(240), at(240)]
        assert [request.headers.get("if-modified-since") for request in api.asked] == [None, None, None, stamp]
        assert rows(database_url, LAST) == [("complete", "not_modified", 0, "incremental")]
        # An answer that no one has asked for is none.
        api.answer = lambda _: Reply(b"", 304)
        api.records.append(item("new", 600))
        changed = park(tmp_path / "sources", api, '{ type = "since", param = "since" }')
        sync(start_crawl, changed, code=1)
        assert rows(database_url, LAST)[0][:2] == ("failed", "api_refused")
        api.answer = None
        sync(start_crawl, changed)
        assert_all_stored(database_url, api)
