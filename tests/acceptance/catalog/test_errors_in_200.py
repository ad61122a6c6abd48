"""The catalog's file for Slack, against an imitation of a channel's history."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.catalog import CatalogApi, StartCrawl, assert_table
from tests.support.database import value
from tests.support.mock import MockApi

TOKEN = "xoxb-4711-token"


def test_slack_messages_are_exact_through_errors_in_200_a_kill_and_growth(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    slack = CatalogApi("slack", start_mock_api("--records", "1700"), tmp_path / "sources", SLACK_TOKEN=TOKEN)
    slack.control("fault", fault="ratelimited", after=1)
    slack.control("fault", fault="ratelimited-in-200", after=2)
    slack.control("fault", fault="internal-error", after=3)

    killed = slack.crawl(start_crawl, "messages", DATASYNC_FAILPOINT="after_commit@2=kill", WRITE_BATCH_SIZE="200")
    assert killed.process.returncode == -signal.SIGKILL, killed.log
    # The cursor that was stored is refused when the next crawl begins: it is given up once, and nothing is lost.
    slack.control("fault", fault="invalid-cursor")
    done = slack.crawl(start_crawl, "messages")
    assert done.process.returncode == 0, done.log
    assert_table(database_url, "slack__messages", slack.truth("messages"), "ts")
    # Of several messages in one second each has a time of its own.
    assert value(database_url, "SELECT count(DISTINCT occurred_at) FROM slack__messages") == 1700

    slack.control("grow", by=250)
    before = len(slack.asked())
    assert slack.crawl(start_crawl, "messages").process.returncode == 0
    assert_table(database_url, "slack__messages", slack.truth("messages"), "ts")
    assert len(slack.asked()) - before <= 3


def test_an_error_in_a_200_that_nothing_mends_ends_the_crawl_with_its_word(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl
) -> None:
    slack = CatalogApi("slack", start_mock_api("--records", "10"), tmp_path / "sources", SLACK_TOKEN="no-bot's-token")
    crawl = slack.crawl(start_crawl, "messages")
    assert crawl.process.returncode == 1
    assert "not_authed" in crawl.log
