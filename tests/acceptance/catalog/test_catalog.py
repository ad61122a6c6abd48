"""Each file of the catalog against an imitation of its API: exact through its faults, a kill, and growth."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.database import rows
from tests.support.mock import MockApi


@dataclass(frozen=True)
class Case:
    """``faults``: each with how many requests come before it. ``most_requests``: of the sync after the growth."""

    api: str
    stream: str
    id_path: str
    records: int
    faults: tuple[tuple[str, int], ...]
    most_requests: int
    secrets: dict[str, str] = field(default_factory=dict)
    table: str = ""
    edits: tuple[tuple[str, str], ...] = ()


CASES = (
    Case(
        "github",
        "issues",
        "node_id",
        950,
        (("secondary-limit", 1), ("primary-limit", 3), ("silent-limit", 5), ("unavailable", 7)),
        4,
        {"GITHUB_TOKEN": "ghp_token_4711"},
    ),
    Case(
        "gitlab",
        "issues",
        "id",
        950,
        (("limited", 1), ("unavailable", 3)),
        4,
        {"GITLAB_TOKEN": "glpat-token-4711"},
    ),
    Case(
        "slack",
        "messages",
        "ts",
        1700,
        (("ratelimited", 1), ("ratelimited-in-200", 3), ("internal-error", 5)),
        3,
        {"SLACK_TOKEN": "xoxb-4711-token"},
    ),
    Case(
        "notion",
        "pages",
        "id",
        850,
        (("rate-limited", 1), ("unavailable", 3)),
        4,
        {"NOTION_TOKEN": "ntn_token_4711"},
        edits=(("budget = { requests = 3, seconds = 1 }\n", ""),),
    ),
    Case(
        "mediawiki",
        "changes",
        "rcid",
        3600,
        (("maxlag", 1), ("ratelimited", 3), ("internal-error", 5)),
        4,
    ),
    Case(
        "crossref",
        "works",
        "DOI",
        7200,
        (("limited", 1), ("unavailable", 3), ("cursor-expired", 5)),
        4,
        {"CROSSREF_MAILTO": "someone+4711@example.com"},
    ),
    Case("stripe", "events", "id", 950, (("limited", 1), ("unavailable", 3)), 4, {"STRIPE_KEY": "sk_test_4711"}),
    Case(
        "zendesk",
        "tickets",
        "id",
        5700,
        (("limited", 1), ("unavailable", 3)),
        3,
        {"ZENDESK_USER": "me@example.com/token", "ZENDESK_TOKEN": "zendesk-4711"},
        edits=(("budget = { requests = 10, seconds = 60 }\n", ""),),
    ),
    Case(
        "hubspot",
        "contacts",
        "id",
        2700,
        (("limited", 1), ("unavailable", 3)),
        4,
        {"HUBSPOT_TOKEN": "pat-na1-4711"},
        edits=(("budget = { requests = 4, seconds = 1 }\n", ""),),
    ),
    Case(
        "shopify",
        "orders",
        "id",
        1700,
        (("limited", 1), ("unavailable", 3), ("bad-page-info", 5)),
        4,
        {"SHOPIFY_TOKEN_acme": "shpat_4711"},
        edits=(("budget = { requests = 2, seconds = 1 }\n", ""),),
    ),
    Case("matrix", "messages", "event_id", 950, (("limited", 1), ("unavailable", 3)), 4, {"MATRIX_TOKEN": "syt_4711"}),
    Case(
        "graph",
        "messages",
        "id",
        950,
        (("limited", 2), ("unavailable", 4), ("token-expired", 6)),
        5,
        {"GRAPH_CLIENT_SECRET": "graph-secret-4711"},
        edits=(("https://login.microsoftonline.com/TENANT", "{root}/apis/graph/tenant"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.api for case in CASES])
def test_a_file_of_the_catalog_is_exact_through_faults_a_kill_and_growth(
    case: Case, tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--records", str(case.records))
    api = CatalogApi(case.api, mock, tmp_path / "sources", **case.secrets)
    for old, new in case.edits:
        api.rewrite(old, new.replace("{root}", api.root))
    for fault, after in case.faults:
        api.control("fault", fault=fault, after=after)
    table = f"{case.api}__{case.stream}"

    killed = api.crawl(start_crawl, case.stream, DATASYNC_FAILPOINT="after_commit@2=kill", WRITE_BATCH_SIZE="1")
    assert killed.process.returncode == -signal.SIGKILL, killed.log
    done = api.crawl(start_crawl, case.stream)
    assert done.process.returncode == 0, done.log
    assert_table(database_url, table, api.truth(case.stream), case.id_path)

    api.control("grow", by=150)
    before = len(api.asked())
    later = api.crawl(start_crawl, case.stream)
    assert later.process.returncode == 0, later.log
    assert_table(database_url, table, api.truth(case.stream), case.id_path)
    assert len(api.asked()) - before <= case.most_requests
    assert rows(database_url, "SELECT DISTINCT status FROM ingestion_runs WHERE status <> 'failed'") == [("complete",)]
    for secret in case.secrets.values():
        assert secret not in killed.log + done.log + later.log


def test_each_file_of_the_catalog_is_crawled_here() -> None:
    names = {path.name.removesuffix(".toml") for path in files("datasync_spider.sources").joinpath("catalog").iterdir()}
    assert names == {case.api for case in CASES}
