"""What the environment does to a crawl: proxies, authorities, a key in quotes, a stream's misspelt name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, Asked, Reply, assert_feed_is_stored, serving
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.rawserver import raw_server, response
from tests.support.tls import TlsServer

StartCrawl = Callable[..., Crawl]
KEY = "a-secret-key-of-some-length"


def proxies(url: str, no_proxy: str = "") -> dict[str, str]:
    return {"http_proxy": url, "HTTP_PROXY": url, "all_proxy": url, "no_proxy": no_proxy, "NO_PROXY": no_proxy}


def test_the_bundled_mock_is_asked_through_no_proxy(start_crawl: StartCrawl, database_url: str) -> None:
    with raw_server(response(502, b"a proxy")) as proxy:
        mock = {"MOCK_TOTAL_EVENTS": "30", "API_BASE_URL": ""}
        crawl = start_crawl("", **{**FEED_SETTINGS, **mock, **proxies(proxy.origin)})
        assert crawl.wait() == 0, crawl.log
        for command in (["discover"], ["doctor"], ["verify"]):
            done = scrapy(*command, DATABASE_URL=database_url, **{**mock, **proxies(proxy.origin)})
            assert done.returncode == 0, done.stdout + done.stderr
        assert proxy.requests == []
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 30


def test_an_api_elsewhere_takes_the_proxy_unless_no_proxy_names_it(start_crawl: StartCrawl, database_url: str) -> None:
    with serving() as feed, raw_server(response(502, b"a proxy")) as proxy:
        origin = feed.base_url.split("/")[2]
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS, **proxies(proxy.origin, "elsewhere.example"))
        assert crawl.wait() == 1, crawl.log
        assert (len(proxy.requests), feed.asked) == (4, [])
        named = proxies(proxy.origin, f"elsewhere.example, {origin}")
        again = start_crawl(feed.base_url, **FEED_SETTINGS, **named)
        assert again.wait() == 0, again.log
        assert len(proxy.requests) == 4
    assert_feed_is_stored(database_url, feed.events)


def test_authorities_that_are_not_there_are_named_before_anything_is_asked(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    server = TlsServer(tmp_path)
    settings = {"SSL_CERT_FILE": str(tmp_path / "none.pem")}
    try:
        crawl = start_crawl(server.base_url, **settings)
        assert crawl.wait() == 2, crawl.log
        discovered = scrapy("discover", API_BASE_URL=server.base_url, **settings)
        diagnosed = scrapy("doctor", API_BASE_URL=server.base_url, DATABASE_URL=database_url, **settings)
    finally:
        server.close()
    assert (discovered.returncode, diagnosed.returncode) == (2, 1)
    for reported in (crawl.log, discovered.stderr, diagnosed.stdout):
        assert f"SSL_CERT_FILE is '{tmp_path / 'none.pem'}' (environment): it cannot be read: No such file" in reported
    assert "ingestion not started" in crawl.log


def test_a_certificate_that_is_refused_ends_the_run_at_once_with_what_to_do(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    server = TlsServer(tmp_path, address="127.0.0.2")
    try:
        crawl = start_crawl(server.base_url, SSL_CERT_FILE=str(server.certificate))
        assert crawl.wait() == 1, crawl.log
    finally:
        server.close()
    assert last_run(database_url) == ("failed", "certificate_refused")
    assert value(database_url, "SELECT retries FROM ingestion_runs") == 0
    assert "the certificate is another host's: correct the host in API_BASE_URL" in crawl.log


def test_an_answer_that_is_no_http_ends_the_run_at_the_second_time(start_crawl: StartCrawl, database_url: str) -> None:
    with raw_server(b"220 smtp.example ESMTP\r\n") as server:
        crawl = start_crawl(f"{server.origin}/api/v1", API_RETRY_BASE_MS="20")
        assert crawl.wait() == 1, crawl.log
        assert len(server.requests) == 2
    assert last_run(database_url) == ("failed", "wrong_protocol")
    assert "it begins with '220 smtp.example ESMTP'" in crawl.log


@pytest.mark.parametrize("status", [304, 421])
def test_one_odd_answer_is_asked_for_again_over_a_fresh_connection(
    start_crawl: StartCrawl, database_url: str, status: int
) -> None:
    odd = [2]

    def answer(asked: Asked) -> Reply | None:
        return Reply(status=status) if asked.number in odd else None

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c1", "c2"]
        first, second, third, fourth = (asked.port for asked in feed.asked)
        assert first == second != third == fourth
        assert_feed_is_stored(database_url, feed.events)
        odd[:] = range(5, 100)
        again = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert again.wait() == 1, again.log
        assert len(feed.asked) == 6
    assert last_run(database_url) == ("failed", "api_refused")
    assert f"status {status}" in again.log
    assert "twice in a row" in again.log


def last_lines(crawl: Crawl) -> str:
    return crawl.log[crawl.log.rindex("ingestion failed") :]


def test_the_last_lines_name_a_page_limit_to_try_and_a_redirects_path(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving(answer=lambda _: Reply(status=504)) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 1, crawl.log
        assert "API_PAGE_LIMIT" in last_lines(crawl)
        feed.answer = lambda _: Reply(status=308, headers={"Location": "/api/v2/events?token=hunter2"})
        redirected = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert redirected.wait() == 1, redirected.log
    assert "leads to /api/v2/events)" in last_lines(redirected)
    assert "hunter2" not in redirected.log
    assert last_run(database_url) == ("failed", "api_refused")


def test_a_key_in_quotes_is_warned_about_and_not_shown(
    start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "10", "--api-key", KEY)
    crawl = start_crawl(mock.base_url, DATASYNC_API_KEY=f"'{KEY}'")
    assert crawl.wait() == 1, crawl.log
    assert last_run(database_url) == ("failed", "api_refused")
    assert "DATASYNC_API_KEY (environment): it begins or ends with a quote" in crawl.log
    done = scrapy("doctor", DATABASE_URL=database_url, API_BASE_URL=mock.base_url, DATASYNC_API_KEY=f"'{KEY}'")
    assert "warning  configuration: DATASYNC_API_KEY (environment): it begins or ends with a quote" in done.stdout
    assert KEY not in crawl.log + done.stdout + done.stderr


def test_a_misspelt_stream_is_reported_with_what_there_is(
    start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "10")
    # Where there is no stream yet, any name may be meant.
    done = scrapy("status", DATABASE_URL=database_url, STREAM="evnets")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no run yet" in done.stdout
    first = start_crawl(mock.base_url)
    assert first.wait() == 0
    assert "this database has" not in first.log
    for command in (
        *(["status"], ["status", "--json"], ["status", "--expect", "complete"], ["verify", "--no-api"]),
        *(["rejected"], ["replay"], ["replay", "--dry-run"], ["submit", "prepare"], ["submit", "status"]),
    ):
        done = scrapy(*command, DATABASE_URL=database_url, API_BASE_URL=mock.base_url, STREAM="evnets")
        assert (done.returncode, done.stdout) == (2, ""), command
        reported = "there is no stream evnets, which STREAM names: this database has: events (did you mean events?)\n"
        assert done.stderr.endswith(f"{command[0]}: {reported}")
    assert (
        "stream evnets is new; this database has: events"
        in scrapy("doctor", DATABASE_URL=database_url, API_BASE_URL=mock.base_url, STREAM="evnets").stdout
    )
    crawl = start_crawl(mock.base_url, STREAM="evnets")
    crawl.wait()
    assert "stream evnets is new; this database has: events (did you mean events?)" in crawl.log
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE stream = 'evnets'") == 1
