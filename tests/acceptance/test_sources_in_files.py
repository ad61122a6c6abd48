"""APIs by their files, beside each other in one database: killed, resumed and gone on, each is exact."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import (
    HUB,
    SHELF,
    TOKEN,
    assert_hidden,
    assert_stored,
    assert_totals,
    counted,
    linked,
    whole_database,
    write_sources,
)
from tests.support.mock import MockApi, ground_truth

SECRETS = {"HUB_TOKEN": TOKEN, "SHELF_TOKEN": "shelf-token-4711"}
SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "100", "LOG_LEVEL": "DEBUG", **SECRETS}
SPIDERS = {
    "hub.records": "after_commit@3=kill",
    "shelf.records": "before_checkpoint@3=kill",
    "events": "mid_copy@4=kill",
}


def test_two_by_files_and_events_are_exact_through_kills_and_go_on_where_they_were(
    tmp_path: Path,
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    database_url: str,
) -> None:
    mock = start_mock_api("--total", "3000", "--records", "600")
    files = write_sources(
        tmp_path / "sources", hub=HUB.format(base_url=mock.base_url), shelf=SHELF.format(base_url=mock.base_url)
    )
    logs: list[str] = []

    def crawl_all(*, are_killed: bool = False) -> None:
        """Side by side."""
        crawls = [
            start_crawl(
                mock.base_url,
                spider=name,
                **SETTINGS,
                **files,
                **({"DATASYNC_FAILPOINT": failpoint} if are_killed else {}),
            )
            for name, failpoint in SPIDERS.items()
        ]
        codes = [crawl.wait() for crawl in crawls]
        logs.extend(crawl.log for crawl in crawls)
        assert codes == [-signal.SIGKILL if are_killed else 0] * 3, logs[-3:]

    def assert_all_exact(events: int, records: int) -> None:
        assert_stored(database_url, "hub__records", linked(records))
        assert_stored(database_url, "shelf__records", counted(records))
        truth = {event["id"] for event in ground_truth("--total", str(events))}
        assert {event_id for (event_id,) in rows(database_url, "SELECT event_id FROM ingested_events")} == truth
        for table, stream in (("hub__records", "hub.records"), ("shelf__records", "shelf.records")):
            assert_totals(database_url, table, stream)
        assert_totals(database_url, "ingested_events", "events")

    crawl_all(are_killed=True)
    # Each was killed in its middle, with a position that its own paginator understands.
    positions = dict(rows(database_url, "SELECT stream, cursor FROM ingestion_state"))
    assert positions["hub.records"].startswith("/api/v1/link/records?per_page=20&page=")
    assert 0 < int(positions["shelf.records"]) < 600
    assert positions["events"] is not None

    crawl_all()
    assert_all_exact(3000, 600)
    assert value(database_url, "SELECT sum(duplicates) FROM ingestion_pages") <= 3 * 200

    mock.control("grow?by=37", "POST")
    mock.control("grow?by=53&of=records", "POST")
    asked = mock.requests()
    crawl_all()
    assert_all_exact(3037, 653)
    kinds = rows(database_url, "SELECT pass_kind, status FROM ingestion_runs ORDER BY run_id DESC LIMIT 3")
    assert kinds == [("incremental", "complete")] * 3
    # Three pages of new records, and one that is known, of each of the two; one page of events.
    assert mock.requests() - asked <= 12

    assert_hidden(SECRETS.values(), *logs, whole_database(database_url))
