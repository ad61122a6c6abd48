"""Streams that are asked for by windows of time, one after the other or side by side, whatever kills them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.filesources import write_sources
from tests.support.jsonapi import JsonApi, serving_json
from tests.support.timed import SOURCE, Audit, timed_records

SETTINGS = {"WRITE_BATCH_SIZE": "1", "API_RETRY_BASE_MS": "20", "API_MAX_RETRIES": "2"}
DAY = 86_400
LAST_RUN = "SELECT pass_kind, status, reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"


class Case:
    """One stream of an audit log that began ``days`` ago."""

    def __init__(
        self, directory: Path, start_crawl: Callable[..., Crawl], api: JsonApi, windows: str, days: int
    ) -> None:
        self.start = int(time.time()) // DAY * DAY - days * DAY
        text = SOURCE.format(
            base_url=api.base_url, windows=windows, start=datetime.fromtimestamp(self.start, UTC).isoformat()
        )
        self._files = write_sources(directory / "sources", audit=text)
        self._start_crawl = start_crawl
        self._api = api

    def crawl(self, code: int = 0, **more: str) -> str:
        crawl = self._start_crawl(self._api.base_url, spider="audit.entries", **self._files, **SETTINGS, **more)
        assert crawl.wait() == code, crawl.log
        return crawl.log

    def verify(self, url: str) -> None:
        verify = scrapy("verify", "--no-api", DATABASE_URL=url, STREAM="audit.entries", **self._files)
        assert verify.returncode == 0, verify.stdout + verify.stderr


def assert_exact(url: str, audit: Audit) -> None:
    stored = rows(url, "SELECT event_id FROM audit__entries ORDER BY event_id")
    assert [event_id for (event_id,) in stored] == sorted(record["id"] for record in audit.records)
    assert value(url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'audit.entries'") == len(audit.records)


@pytest.mark.parametrize("parallel", [1, 4])
def test_windows_are_exact_through_kills_and_the_next_sync_asks_from_the_floor(
    parallel: int, tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    audit = Audit()
    with serving_json(audit.answer) as api:
        case = Case(tmp_path, start_crawl, api, f'step = "1d", parallel = {parallel}', days=8)
        # Some days have none, some have several pages, and some records stand at the very bounds.
        times = [case.start + day * DAY + 1_000 * n for day in (0, 1, 4, 5) for n in range(25)]
        audit.records = timed_records(0, times + [case.start + 2 * DAY] * 3)
        for _ in range(3):
            case.crawl(-9, DATASYNC_FAILPOINT="after_commit@4=kill")
        case.verify(database_url)
        case.crawl()
        assert_exact(database_url, audit)
        case.verify(database_url)
        assert rows(database_url, LAST_RUN) == [("full", "complete", "last_page")]
        # No page that was committed was asked for again; how many others were under way in a kill is up to the host.
        questions = {json.dumps(query, sort_keys=True) for query in api.asked}
        assert value(database_url, "SELECT count(*) FROM ingestion_pages") == len(questions)
        bookmark = json.loads(
            value(database_url, "SELECT bookmark FROM ingestion_state WHERE stream = 'audit.entries'")
        )
        assert bookmark["open"] == []
        assert bookmark["floor"] == bookmark["until"]

        audit.records += timed_records(len(audit.records), [bookmark["floor"]])
        asked = len(api.asked)
        case.crawl()
        assert [int(query["start_time"]) for query in api.asked[asked:]] == [bookmark["floor"]]
        assert_exact(database_url, audit)
        assert rows(database_url, LAST_RUN) == [("incremental", "complete", "last_page")]


def test_years_without_a_record_take_one_request_each_side_by_side(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    audit = Audit()
    with serving_json(audit.answer) as api:
        # The last window has not ended yet, so that the barrier never waits for one that does not come.
        case = Case(tmp_path, start_crawl, api, 'step = "30d", parallel = 4', days=30 * 40 - 1)
        audit.gate = threading.Barrier(4)
        case.crawl()
        assert audit.most_at_once == 4
        assert len(api.asked) == 40
        assert rows(database_url, "SELECT pass_status FROM ingestion_state WHERE stream = 'audit.entries'") == [
            ("complete",)
        ]


def test_a_window_that_is_too_large_is_split_until_it_is_not(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    audit = Audit(most=20)
    with serving_json(audit.answer) as api:
        case = Case(tmp_path, start_crawl, api, 'step = "1d", parallel = 2', days=2)
        audit.records = timed_records(0, [case.start + 100 * n for n in range(120)])
        case.crawl(-9, DATASYNC_FAILPOINT="after_commit@3=kill")
        log = case.crawl()
        assert "asking for its two halves" in log
        assert_exact(database_url, audit)

        # More at one second than can be paged through: no window is small enough.
        audit.records += timed_records(500, [int(time.time()) - 1] * 30)
        case.crawl(1)
        assert rows(database_url, LAST_RUN)[0][1:] == ("failed", "window_too_large")
        audit.most = 100
        case.crawl()
        assert_exact(database_url, audit)


def test_an_api_that_ignores_the_window_fails_the_run(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    audit = Audit(takes_times=False)
    with serving_json(audit.answer) as api:
        case = Case(tmp_path, start_crawl, api, 'step = "1d"', days=3)
        audit.records = timed_records(0, [case.start + DAY + 5_000 + n for n in range(30)])
        case.crawl(1)
        assert rows(database_url, LAST_RUN)[0][1:] == ("failed", "filter_ignored")
