"""Streams that can be resumed: a sync goes on from the token that the one before has ended with, whatever kills it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.filesources import write_sources
from tests.support.jsonapi import Reply, serving_json
from tests.support.resumable import GONE, PAGING, Log, log_source

SETTINGS = {"WRITE_BATCH_SIZE": "1", "API_RETRY_BASE_MS": "20", "API_MAX_RETRIES": "2"}
KILLED = {"DATASYNC_FAILPOINT": "after_commit@2=kill"}
LAST_RUN = "SELECT pass_kind, status, pages FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"
BOOKMARK = "SELECT bookmark FROM ingestion_state WHERE stream = 'log.changes'"


@pytest.mark.parametrize("kind", sorted(PAGING))
def test_a_sync_goes_on_from_the_durable_token_and_is_exact_through_kills(
    kind: str, tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    log = Log(kind)
    # Matrix' last page is a full one: the next sync begins with a page of known records, and goes on.
    log.grow(40)
    with serving_json(log.answer) as api:
        files = write_sources(tmp_path / "sources", log=log_source(kind, api.base_url))

        def crawl(code: int = 0, **more: str) -> Crawl:
            crawl = start_crawl(api.base_url, spider="log.changes", **files, **SETTINGS, **more)
            assert crawl.wait() == code, crawl.log
            return crawl

        crawl(-9, **KILLED)
        assert value(database_url, BOOKMARK) is None
        crawl()
        assert_exact(database_url, log)
        assert rows(database_url, LAST_RUN)[0][:2] == ("full", "complete")

        asked = len(api.asked)
        crawl()
        assert len(api.asked) - asked == 1
        assert rows(database_url, LAST_RUN) == [("incremental", "complete", 1)]

        log.grow(33)
        asked = len(api.asked)
        crawl(-9, **KILLED)
        assert_verified(database_url, files)
        crawl()
        assert_exact(database_url, log)
        # Each page once, but for the one that was under way in the kill; and Matrix' last one, whose token is the last.
        assert len(api.asked) - asked <= 8
        assert rows(database_url, LAST_RUN)[0][:2] == ("incremental", "complete")
        assert value(database_url, "SELECT sum(duplicates)::int FROM ingestion_pages") <= (
            25 if kind == "matrix" else 0
        )


@pytest.mark.parametrize(
    "refusal",
    [GONE, Reply({"errcode": "M_UNKNOWN", "error": "unknown token"}, 400), Reply({"error": "resync"}, 418)],
)
def test_a_bookmark_that_the_api_has_no_use_for_is_given_up_once_for_a_full_pass(
    refusal: Reply, tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    log = Log("google")
    log.grow(35)
    with serving_json(log.answer) as api:
        text = log_source("google", api.base_url).replace(
            'name = "log"',
            'name = "log"\nmeanings = [{ status = 418, path = "error", value = "resync", means = "resync" }]',
        )
        files = write_sources(tmp_path / "sources", log=text)

        def crawl(code: int = 0, **more: str) -> Crawl:
            crawl = start_crawl(api.base_url, spider="log.changes", **files, **SETTINGS, **more)
            assert crawl.wait() == code, crawl.log
            return crawl

        crawl()
        log.lost["t35"] = refusal
        # Changes that no token leads to any more.
        log.records[3]["id"] = "new"
        log.grow(12)
        asked = len(api.asked)
        killed = crawl(-9, **KILLED)
        assert "full pass" in killed.log
        assert rows(database_url, "SELECT pass_kind, bookmark FROM ingestion_state WHERE stream = 'log.changes'") == [
            ("full", None)
        ]
        crawl()
        # The refused token was asked for once, and never again.
        assert sum(query.get("syncToken") == "t35" for query in api.asked[asked:]) == 1
        stored = {event_id for (event_id,) in rows(database_url, "SELECT event_id FROM log__changes")}
        assert stored == {record["id"] for record in log.records} | {"r0003"}
        assert rows(database_url, LAST_RUN)[0][:2] == ("full", "complete")
        asked = len(api.asked)
        crawl()
        assert [query.get("syncToken") for query in api.asked[asked:]] == ["t47"]


def assert_verified(url: str, files: dict[str, str]) -> None:
    verify = scrapy("verify", "--no-api", DATABASE_URL=url, STREAM="log.changes", **files)
    assert verify.returncode == 0, verify.stdout + verify.stderr


def assert_exact(url: str, log: Log) -> None:
    stored = rows(url, "SELECT event_id FROM log__changes ORDER BY event_id")
    assert [event_id for (event_id,) in stored] == [record["id"] for record in log.records]
    assert value(url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'log.changes'") == len(log.records)
