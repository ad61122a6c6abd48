"""Crawls of one credential share its budget: over processes, over a kill, and while the database is away."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from tests.support.crawl import Crawl, clean_environment
from tests.support.database import execute_outside, value
from tests.support.mock import MockApi
from tests.support.starting import start
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]
StartMock = Callable[..., MockApi]

PAGE = 10
ASKS_AGAIN = "datasync_spider.storage.retrying: the database is not available"
LIMITS = ("--rate-limit", "10", "--rate-window-ms", "2000")
DECLARED = "budget = { requests = 10, seconds = 2 }"
STREAM = """
[streams.{name}]
url = "/events"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = 10, max = 10 }}
records = "data"
id = "id"
time = ["timestamp", "occurredAt", "occurred_at"]
order = "newest-first"
next = {{ from = "body:pagination.nextCursor", to = "query:cursor" }}
end = ["flag:pagination.hasMore=false"]
"""


def write_source(directory: Path, mock: MockApi, budget: str = DECLARED, name: str = "shared", key: str = "") -> None:
    auth = f'auth = {{ type = "headers", headers = {{ X-Api-Key = "secret:{key}" }} }}\n' if key else ""
    text = f'[source]\nname = "{name}"\nbase_url = "{mock.base_url}"\n{budget}\n{auth}'
    (directory / f"{name}.toml").write_text(text + "".join(STREAM.format(name=stream) for stream in "abc"))


def settings(directory: Path) -> dict[str, str]:
    return {"SOURCES_DIR": str(directory), "API_TIMEOUT_MS": "5000", "LEASE_TTL_MS": "3000", "LOG_LEVEL": "DEBUG"}


def refused(mock: MockApi) -> int:
    counts = mock.control("stats")["by_endpoint"].values()
    return sum(each.get("429", 0) for each in counts)


def take_away(server_url: str, url: str) -> str:
    """No one is connected to the database any more, and no one will be."""
    name = str(parse_dsn(url)["dbname"])
    execute_outside(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    execute_outside(server_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    return name


@pytest.mark.parametrize(
    ("budget", "headers"),
    [pytest.param(DECLARED, "none", id="declared"), pytest.param("", "legacy", id="reported")],
)
def test_three_crawls_with_one_credential_send_no_request_too_many(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, budget: str, headers: str
) -> None:
    mock = start_mock_api("--total", str(10 * PAGE), "--rate-headers", headers, *LIMITS)
    write_source(tmp_path, mock, budget)
    crawls = [start_crawl(mock.base_url, spider=f"shared.{name}", **settings(tmp_path)) for name in "abc"]
    for crawl in crawls:
        assert crawl.wait() == 0, crawl.log
    assert refused(mock) == 0
    assert mock.requests() == 30
    reason = "declared_budget" if budget else "rate_window"
    assert any(f"s: {reason}" in crawl.log for crawl in crawls)


def test_without_the_sharing_the_same_three_crawls_are_refused(
    start_mock_api: StartMock, tmp_path: Path, database_url: str
) -> None:
    """What the test above would notice."""
    mock = start_mock_api("--total", str(10 * PAGE), "--rate-headers", "none", *LIMITS)
    write_source(tmp_path, mock)
    given = {**settings(tmp_path), "DATABASE_URL": database_url, "DATASYNC_HOME": str(tmp_path / "home")}
    environment = clean_environment(**given)
    mutant = ("bench.torture.mutants", "a_budget_is_each_processs_own", "crawl")
    with (tmp_path / "log").open("wb") as log:
        crawls = [
            start(*mutant, f"shared.{name}", environment=environment, stdout=log, stderr=log, afresh=True)
            for name in "abc"
        ]
        assert [crawl.wait(180) for crawl in crawls] == [0, 0, 0], (tmp_path / "log").read_text()
    assert refused(mock) > 0


def test_a_request_that_the_api_has_counted_and_not_answered_is_no_other_ones_slot(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path
) -> None:
    """Sent once more at once, as where nothing is limited, it would be one that no one has counted here."""
    mock = start_mock_api("--total", str(20 * PAGE), "--rate-headers", "none", *LIMITS)
    mock.control("faults", "POST", {"name": "reset", "requests": [3, 4, 15]})
    write_source(tmp_path, mock)
    crawl = start_crawl(mock.base_url, spider="shared.a", **settings(tmp_path), API_RETRY_BASE_MS="1")
    assert crawl.wait() == 0, crawl.log
    assert refused(mock) == 0
    assert mock.requests() == 23


def test_a_killed_crawl_takes_only_its_own_slots_along_and_only_for_a_while(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str
) -> None:
    mock = start_mock_api("--total", str(10 * PAGE), "--rate-headers", "none", *LIMITS)
    write_source(tmp_path, mock)
    first, second = (start_crawl(mock.base_url, spider=f"shared.{name}", **settings(tmp_path)) for name in "ab")
    killed = start_crawl(
        mock.base_url, spider="shared.c", **settings(tmp_path), DATASYNC_FAILPOINT="before_fetch@3=kill"
    )
    assert killed.wait() == -9, killed.log
    for crawl in (first, second):
        assert crawl.wait() == 0, crawl.log
    again = start_crawl(mock.base_url, spider="shared.c", **settings(tmp_path))
    assert again.wait() == 0, again.log
    assert refused(mock) == 0
    assert value(database_url, "SELECT sum(total_ingested) FROM ingestion_state WHERE stream LIKE 'shared.%%'") == 300


def test_while_the_database_is_away_no_request_leaves_and_afterwards_the_crawl_goes_on(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str, postgres_url: str
) -> None:
    mock = start_mock_api("--total", str(20 * PAGE), "--rate-headers", "none", *LIMITS)
    write_source(tmp_path, mock)
    crawl = start_crawl(mock.base_url, spider="shared.a", **settings(tmp_path))
    eventually(lambda: mock.requests() >= 3, what="some requests")
    name = take_away(postgres_url, database_url)
    eventually(lambda: crawl.log.count(ASKS_AGAIN) >= 1, what="a question that no one answers")
    asked = mock.requests()
    eventually(lambda: crawl.log.count(ASKS_AGAIN) >= 5, what="some more")
    assert mock.requests() == asked
    execute_outside(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert crawl.wait() == 0, crawl.log
    assert mock.requests() == 20
    assert refused(mock) == 0


def test_a_database_that_stays_away_ends_the_crawl_without_a_request_too_many(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str, postgres_url: str
) -> None:
    mock = start_mock_api("--total", str(20 * PAGE), "--rate-headers", "none", *LIMITS)
    write_source(tmp_path, mock)
    crawl = start_crawl(mock.base_url, spider="shared.a", **settings(tmp_path), WRITE_RETRY_BUDGET_MS="500")
    eventually(lambda: mock.requests() >= 3, what="some requests")
    take_away(postgres_url, database_url)
    assert crawl.wait() == 1, crawl.log
    assert "storage_unavailable" in crawl.log
    assert mock.requests() < 20


def test_a_stop_ends_the_waiting_for_the_database(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str, postgres_url: str
) -> None:
    mock = start_mock_api("--total", str(20 * PAGE), "--rate-headers", "none", *LIMITS)
    write_source(tmp_path, mock)
    crawl = start_crawl(mock.base_url, spider="shared.a", **settings(tmp_path), WRITE_RETRY_BUDGET_MS="600000")
    eventually(lambda: mock.requests() >= 3, what="some requests")
    take_away(postgres_url, database_url)
    eventually(lambda: crawl.log.count(ASKS_AGAIN) >= 1, what="a question that no one answers")
    asked = mock.requests()
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(60) != 0
    assert mock.requests() == asked


def test_two_credentials_do_not_hold_each_other(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str
) -> None:
    mock = start_mock_api("--total", str(5 * PAGE), "--rate-headers", "none")
    for name in ("one", "two"):
        write_source(tmp_path, mock, name=name, key=name.upper())
    keys = {"ONE": "key-1", "TWO": "key-2"}
    first = start_crawl(mock.base_url, spider="one.a", **settings(tmp_path), **keys)
    assert first.wait() == 0, first.log
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        # As if one were frozen with the book in hand, and for longer than ours may be.
        cursor.execute("SELECT 1 FROM ingestion_budgets FOR UPDATE")
        assert cursor.rowcount == 1
        second = start_crawl(mock.base_url, spider="two.a", **settings(tmp_path), **keys)
        assert second.wait() == 0, second.log
    assert value(database_url, "SELECT count(*) FROM ingestion_budgets") == 2


def test_a_crawl_that_has_no_budget_asks_for_no_slot(
    start_crawl: StartCrawl, start_mock_api: StartMock, tmp_path: Path, database_url: str
) -> None:
    mock = start_mock_api("--total", str(5 * PAGE))
    write_source(tmp_path, mock, "")
    crawl = start_crawl(mock.base_url, spider="shared.a", **settings(tmp_path))
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM ingestion_budgets") == 0
