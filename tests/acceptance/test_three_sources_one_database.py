"""Three sources by their files, crawled side by side into one database: each exact, and none in another's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.database import rows
from tests.support.mock import MockApi

SECRETS = {"GITHUB_TOKEN": "ghp_token_4711", "STRIPE_KEY": "sk_test_4711", "MATRIX_TOKEN": "syt_4711"}
# Each stream with the place of its ids.
STREAMS = {"github": ("issues", "node_id"), "stripe": ("events", "id"), "matrix": ("messages", "event_id")}

_STATE = "SELECT stream, pass_status, total_ingested FROM ingestion_state WHERE stream <> 'events' ORDER BY stream"


def test_three_sources_side_by_side_are_exact_in_one_database(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--records", "950")
    sources = {api: CatalogApi(api, mock, tmp_path / "sources", **SECRETS) for api in STREAMS}
    logs: list[str] = []

    for growth in (0, 120):
        for imitation in sources.values():
            imitation.control("fault", fault="unavailable", after=2)
            imitation.control("grow", by=growth)
        crawls = [
            start_crawl(mock.base_url, spider=f"{api}.{stream}", **sources[api].settings)
            for api, (stream, _) in STREAMS.items()
        ]
        for crawl in crawls:
            crawl.wait()
        logs += [crawl.log for crawl in crawls]
        assert [crawl.process.returncode for crawl in crawls] == [0, 0, 0], logs
        for api, (stream, id_path) in STREAMS.items():
            assert_table(database_url, f"{api}__{stream}", sources[api].truth(stream), id_path)

    assert rows(database_url, _STATE) == [
        (f"{api}.{stream}", "complete", 1_070) for api, (stream, _) in sorted(STREAMS.items())
    ]
    assert rows(database_url, "SELECT count(*) FROM rejected_events") == [(0,)]
    assert not [secret for secret in SECRETS.values() if secret in "".join(logs)]
