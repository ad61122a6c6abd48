"""The key and the password stay where they belong, and no one in between is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.rawserver import raw_server, response
from tests.support.tls import TlsServer
from tests.support.waiting import eventually

KEY = "key-that-nobody-may-read-31415"
PASSWORD = "password-that-nobody-may-read-27182"


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path)
    yield server
    server.close()


def with_password(database_url: str) -> str:
    """The server asks for none over its socket, so any will do."""
    return database_url.replace("postgresql://postgres@", f"postgresql://postgres:{PASSWORD}@")


def test_a_certificate_that_no_one_vouches_for_is_refused_before_anything_is_sent(
    tls_server: TlsServer, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    settings = {"DATASYNC_API_KEY": KEY, "API_MAX_RETRIES": "1", "API_RETRY_BASE_MS": "1"}
    crawl = start_crawl(tls_server.base_url, afresh=True, **settings)
    assert crawl.wait() == 1, crawl.log
    assert tls_server.requests == []
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0
    detail = value(database_url, "SELECT detail FROM ingestion_runs")
    assert re.search(r"^no TLS with .*127\.0\.0\.1:[0-9]+.*certificate verify failed", detail)


def test_the_same_server_is_believed_by_who_trusts_its_certificate(
    tls_server: TlsServer, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    settings = {"DATASYNC_API_KEY": KEY, "SSL_CERT_FILE": str(tls_server.certificate)}
    crawl = start_crawl(tls_server.base_url, afresh=True, **settings)
    assert crawl.wait() == 0, crawl.log
    assert rows(database_url, "SELECT event_id FROM ingested_events") == [("the-only-one",)]


def test_no_secret_appears_in_logs_tables_or_process_lists_whatever_goes_wrong(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000", "--api-key", KEY)
    faults = [{"name": name, "requests": [2, 5]} for name in ("status_503", "html", "truncated")]
    mock.control("faults", "POST", [*faults, {"name": "slow", "rate": 1.0, "delay_ms": 50}])
    for log_format in ("text", "json"):
        crawl = start_crawl(
            mock.base_url,
            "-L",
            "DEBUG",
            afresh=True,
            DATASYNC_API_KEY=KEY,
            DATABASE_URL=with_password(database_url),
            API_PAGE_LIMIT="200",
            API_RETRY_BASE_MS="1",
            LOG_FORMAT=log_format,
        )
        eventually(lambda: mock.requests() > 0, what="the first request")
        lines = [" ".join(process.cmdline()) for process in _family(crawl.process.pid)]
        assert any("crawl events" in line for line in lines)
        assert not any(KEY in line or PASSWORD in line for line in lines)
        assert crawl.wait() == 0, crawl.log
        assert KEY not in crawl.log
        assert PASSWORD not in crawl.log
    dump = [
        str(row)
        for table in ("ingestion_runs", "ingestion_state", "ingestion_pages")
        for row in rows(database_url, f"SELECT * FROM {table}")
    ]
    assert dump
    assert not any(KEY in row or PASSWORD in row for row in dump)


def test_a_key_that_the_api_says_aloud_is_masked_in_the_table_of_runs(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    refusal = json.dumps({"message": f"no such key: {KEY}", "code": "UNAUTHORIZED"}).encode()
    with raw_server(response(401, refusal)) as server:
        crawl = start_crawl(f"{server.origin}/api/v1", DATASYNC_API_KEY=KEY)
        assert crawl.wait() == 1, crawl.log
    reported = value(database_url, "SELECT detail FROM ingestion_runs")
    assert reported == "the API refused with status 401, code UNAUTHORIZED: no such key: ***"


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@pytest.mark.parametrize("url", ["postgresql://u:{secret}@[::1/db", "postgresql://u:{secret}@127.0.0.1:1/db"])
def test_a_database_that_cannot_be_reached_or_understood_is_reported_without_its_password(url: str) -> None:
    done = scrapy("status", DATABASE_URL=url.format(secret=PASSWORD))
    assert done.returncode != 0
    assert PASSWORD not in done.stdout + done.stderr
    assert done.stderr.strip()


def test_the_agent_is_honest(start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl]) -> None:
    mock = start_mock_api("--total", "10")
    crawl = start_crawl(mock.base_url)
    assert crawl.wait() == 0, crawl.log
    assert all(agent.startswith("datasync-ingestion/") for agent in mock.control("stats")["user_agents"])
