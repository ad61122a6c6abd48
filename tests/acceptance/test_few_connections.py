"""Crawls with more slices and writers than the server, or a setting, gives connections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, Reply, assert_feed_is_stored, serving
from tests.support.filesources import assert_totals, write_sources
from tests.support.limitedrole import LimitedRole
from tests.support.tenants import tenants_api, tenants_file

SETTINGS = {**FEED_SETTINGS, "WRITE_CONCURRENCY": "4", "WRITE_BATCH_SIZE": "10"}


def test_one_connection_is_enough_to_commit_to_record_a_failure_and_to_go_on(
    start_crawl: Callable[..., Crawl], database_url: str, role: LimitedRole
) -> None:
    role.limit(1)
    with serving() as feed:
        feed.answer = lambda asked: Reply({"error": "Forbidden"}, 403) if asked.cursor == "c2" else None
        failed = start_crawl(feed.base_url, **SETTINGS, DATABASE_URL=role.url)
        assert failed.wait() == 1, failed.log
        assert "could not be recorded" not in failed.log
        assert rows(database_url, "SELECT status, reason, inserted FROM ingestion_runs") == [
            ("failed", "api_refused", 20)
        ]
        feed.answer = None
        assert start_crawl(feed.base_url, **SETTINGS, DATABASE_URL=role.url).wait() == 0
        assert [asked.cursor for asked in feed.asked][-1] == "c2"
    assert_feed_is_stored(database_url, feed.events)


@pytest.mark.parametrize(("slices", "connections"), [(40, 8), (1, 3)])
def test_a_process_has_no_more_connections_than_it_is_allowed_whatever_the_number_of_its_slices(
    tmp_path: Path, database_url: str, role: LimitedRole, slices: int, connections: int
) -> None:
    tokens = {f"t{number}": f"token-4711-{number}" for number in range(slices)}
    secrets = {f"SHOP_TOKEN_t{number}": token for number, token in enumerate(tokens.values())}
    role.limit(connections)
    auth = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
    with tenants_api(tokens, 45) as api:
        sources = write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, auth, slices=list(tokens)))
        settings = {
            **SETTINGS,
            **secrets,
            **sources,
            "DATABASE_URL": role.url,
            "DATASYNC_HOME": str(tmp_path / "home"),
            "DATABASE_CONNECTIONS": str(connections),
        }
        done = scrapy("sync", "shop", "--concurrency", "20", **settings)
    assert done.returncode == 0, done.stderr
    # The server would have refused one more, and it would have been said.
    assert "refused" not in done.stderr
    runs = "SELECT count(*), count(DISTINCT slice_id), min(status), max(status) FROM ingestion_runs"
    assert rows(database_url, runs) == [(slices, slices, "complete", "complete")]
    stored = "SELECT count(*), count(DISTINCT (slice_id, event_id)) FROM shop__records"
    assert rows(database_url, stored) == [(slices * 45, slices * 45)]
    assert_totals(database_url, "shop__records", "shop.records")
