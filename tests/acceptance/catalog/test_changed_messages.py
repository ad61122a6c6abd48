"""The catalog's file for Microsoft Graph: what a later round of the delta tells of messages that are stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.database import rows
from tests.support.mock import MockApi

TABLE = "graph__messages"


def test_a_message_that_was_read_replaces_the_stored_one_and_a_notice_of_removal_is_kept(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    graph = CatalogApi(
        "graph", start_mock_api("--records", "250"), tmp_path / "sources", GRAPH_CLIENT_SECRET="graph-secret-4711"
    )
    graph.rewrite("https://login.microsoftonline.com/TENANT", f"{graph.root}/apis/graph/tenant")
    assert graph.crawl(start_crawl, "messages").process.returncode == 0
    graph.control("read", number=7)
    gone = graph.truth("messages")[8]["id"]
    graph.control("remove", ids=[gone])

    later = graph.crawl(start_crawl, "messages")

    assert later.process.returncode == 0, later.log
    # The removed one stays as it was: its notice has no time by which it could be the later version.
    assert_table(database_url, TABLE, graph.truth("messages"), "id")
    kept = rows(database_url, f"SELECT event_id, payload -> '@removed' IS NOT NULL FROM {TABLE}__history ORDER BY 2")
    assert kept == [(graph.truth("messages")[7]["id"], False), (gone, True)]
