"""The catalog's file for GitHub, against an imitation of its issues."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.mock import MockApi

TOKEN = "ghp_token_4711"


def test_github_issues_are_exact_through_limits_a_kill_and_growth(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    github = CatalogApi("github", start_mock_api("--records", "950"), tmp_path / "sources", GITHUB_TOKEN=TOKEN)
    github.control("fault", fault="secondary-limit", after=2)
    github.control("fault", fault="primary-limit", after=4)
    github.control("fault", fault="unavailable", after=6)

    killed = github.crawl(start_crawl, "issues", DATASYNC_FAILPOINT="after_commit@2=kill", WRITE_BATCH_SIZE="100")
    assert killed.process.returncode == -signal.SIGKILL, killed.log
    done = github.crawl(start_crawl, "issues")
    assert done.process.returncode == 0, done.log
    assert_table(database_url, "github__issues", github.truth("issues"), "node_id")

    github.control("grow", by=150)
    before = len(github.asked())
    assert github.crawl(start_crawl, "issues").process.returncode == 0
    assert_table(database_url, "github__issues", github.truth("issues"), "node_id")
    assert len(github.asked()) - before <= 4
    assert TOKEN not in killed.log + done.log
