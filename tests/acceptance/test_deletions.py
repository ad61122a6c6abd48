"""A collection from which records go between two syncs, read by real crawls, two of which are killed on their way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.collection import TABLE, item, park, serving_collection
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value

DECLARED = 'deletions = "full-sync"'


def deleted(url: str) -> set[str]:
    return {name for (name,) in rows(url, f"SELECT event_id FROM {TABLE} WHERE deleted_at IS NOT NULL")}


def detail(url: str) -> str:
    return str(value(url, "SELECT detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"))


def test_exactly_the_records_that_are_gone_are_marked_though_syncs_are_killed(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    everything = [item(f"i{n:02}", n) for n in range(14)]
    with serving_collection("oldest-first", everything) as collection:
        settings = park(tmp_path, collection, '{ type = "none" }', DECLARED)
        first = start_crawl("", spider="park.items", **settings)
        assert first.wait() == 0, first.log
        assert detail(database_url).endswith("; 0 marked as deleted, which this pass has not met")

        collection.records = [one for one in everything if one["id"] not in {"i01", "i07", "i13"}]
        for failpoint in ("after_commit@2=kill", "deletions_marked@1=kill"):
            crashed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT=failpoint)
            assert crashed.wait() == -signal.SIGKILL, crashed.log
            assert deleted(database_url) == set()
        resumed = start_crawl("", spider="park.items", **settings)
        assert resumed.wait() == 0, resumed.log
        assert "3 marked as deleted" in detail(database_url)
        assert deleted(database_url) == {"i01", "i07", "i13"}
        assert value(database_url, "SELECT max(pass_number) FROM ingestion_pages") == 2

        # One comes back; and one that goes while the sync is on its way has been met.
        collection.records = [one for one in everything if one["id"] not in {"i01", "i13"}]
        goes_at = len(collection.asked) + 2
        collection.answer = lambda asked: collection.records.remove(everything[0]) if asked.number == goes_at else None
        assert start_crawl("", spider="park.items", **settings).wait() == 0
        assert deleted(database_url) == {"i01", "i13"}
        collection.answer = None
        assert start_crawl("", spider="park.items", **settings).wait() == 0
        assert deleted(database_url) == {"i00", "i01", "i13"}
    assert value(database_url, f"SELECT count(*) FROM {TABLE}") == 14
    verify = scrapy("verify", "--no-api", **settings, STREAM="park.items", DATABASE_URL=database_url)
    assert verify.returncode == 0, verify.stdout
