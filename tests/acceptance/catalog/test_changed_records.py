"""Files of the catalog, and records that are changed while they are read, and afterwards."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.database import rows
from tests.support.mock import MockApi


@pytest.mark.parametrize(
    ("api", "stream", "records", "edits", "secrets"),
    [
        ("gitlab", "issues", 450, [], {"GITLAB_TOKEN": "glpat-token-4711"}),
        (
            "hubspot",
            "contacts",
            900,
            [("budget = { requests = 4, seconds = 1 }\n", "")],
            {"HUBSPOT_TOKEN": "pat-na1-4711"},
        ),
    ],
)
def test_a_change_in_the_middle_of_a_chain_hides_no_other_record(
    api: str,
    stream: str,
    records: int,
    edits: list[tuple[str, str]],
    secrets: dict[str, str],
    tmp_path: Path,
    start_mock_api: Callable[..., MockApi],
    start_crawl: StartCrawl,
    database_url: str,
) -> None:
    imitation = CatalogApi(api, start_mock_api("--records", str(records)), tmp_path / "sources", **secrets)
    for old, new in edits:
        imitation.rewrite(old, new)
    killed = imitation.crawl(start_crawl, stream, DATASYNC_FAILPOINT="after_commit@2=kill", WRITE_BATCH_SIZE="1")
    assert killed.process.returncode == -signal.SIGKILL, killed.log

    # By pages that are numbered in the order of changes all others would move, and one of them over the page's edge.
    imitation.control("change", stream=stream, number=3)

    for _ in range(2):
        done = imitation.crawl(start_crawl, stream)
        assert done.process.returncode == 0, done.log
    assert_table(database_url, f"{api}__{stream}", imitation.truth(stream), "id")


def test_a_message_that_was_read_replaces_the_stored_one_and_one_that_is_removed_is_marked(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--records", "250")
    graph = CatalogApi("graph", mock, tmp_path / "sources", GRAPH_CLIENT_SECRET="graph-secret-4711")
    graph.rewrite("https://login.microsoftonline.com/TENANT", f"{graph.root}/apis/graph/tenant")
    assert graph.crawl(start_crawl, "messages").process.returncode == 0
    graph.control("change", stream="messages", number=7)
    was_read, gone = (graph.truth("messages")[number]["id"] for number in (7, 8))
    graph.control("remove", ids=[gone])

    later = graph.crawl(start_crawl, "messages")

    assert later.process.returncode == 0, later.log
    notice = {"id": gone, "@removed": {"reason": "deleted"}}
    messages = [notice if each["id"] == gone else each for each in graph.truth("messages")]
    assert_table(database_url, "graph__messages", messages, "id")
    marked = rows(database_url, "SELECT event_id FROM graph__messages WHERE deleted_at IS NOT NULL")
    assert marked == [(gone,)]
    # As they were before.
    kept = rows(database_url, "SELECT event_id FROM graph__messages__history ORDER BY event_id")
    assert kept == [(was_read,), (gone,)]
