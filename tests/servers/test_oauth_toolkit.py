"""django-oauth-toolkit: tokens that end in mid-chain, refresh tokens that are replaced, and what is refused."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.filesources import assert_hidden, whole_database, write_sources
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.rest_framework import answers, seed, serving, truth
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 1_500
SECRET = "lab-cc-secret-4711"
KEY = "c3VjaC1hLWtleS1pcy0zMi1ieXRlcy1sb25nLTQ3MTE="
_STREAM = """
[streams.events]
url = "/protected/"
query = { page_size = "{page_size}" }
page_size = 100
records = "results"
id = "id"
time = "occurred_at"
order = "oldest-first"
next = { from = "body:next", to = "url" }
end = ["no-next"]
"""
_CLIENT = """
[source.auth]
type = "oauth2-client-credentials"
token_url = "/o/token/"
client_id = "lab-cc"
client_secret = "secret:LAB_SECRET"
scope = "{scope}"
"""
_SILENT = """
[source.auth]
type = "oauth2-client-credentials"
token_url = "/o/token/"
client_id = "lab-cc"
client_secret = "secret:LAB_SECRET"
scope = "read"
answer = { expires_in = "nothing" }
"""
_REFRESH = """
[source.auth]
type = "oauth2-refresh"
token_url = "/o/token/"
client_id = "lab-pw"
client_secret = "secret:LAB_SECRET"
refresh_token = "secret:LAB_REFRESH"
"""


def source(url: str, auth: str) -> str:
    """At most four requests a second, so that the chain outlives several tokens."""
    return f"""[source]
name = "oauth"
base_url = "{url}"
budget = {{ requests = 2, seconds = 0.5 }}
{auth}{_STREAM}"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oauth") / "oauth.sqlite"
    seed(path, TOTAL)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[RealServer]:
    """Its tokens live for two seconds."""
    with serving(tmp_path_factory.mktemp("oauth-server"), database, LAB_TOKEN_SECONDS="2") as server:
        yield server


def tokens_given(server: RealServer) -> int:
    return sum(answer.status == 200 for answer in answers(server, "/o/token/"))


def refused(server: RealServer) -> int:
    return sum(answer.status == 401 for answer in answers(server, "/protected/"))


def first_refresh_token(server: RealServer) -> str:
    form = {
        "grant_type": "password",
        "username": "lab",
        "password": "lab-password-4711",
        "client_id": "lab-pw",
        "client_secret": "lab-pw-secret-4711",
        "scope": "read",
    }
    with urllib.request.urlopen(f"{server.url}/o/token/", urllib.parse.urlencode(form).encode(), 60) as answer:
        return str(json.loads(answer.read())["refresh_token"])


@pytest.mark.parametrize("auth", [_CLIENT.format(scope="read"), _SILENT], ids=["told", "not-told"])
def test_a_token_that_ends_in_mid_chain_is_renewed_and_nothing_is_lost(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path, auth: str
) -> None:
    """Where its life is reported it is renewed before its end, else after a refusal, once each time."""
    given, gone = tokens_given(server), refused(server)
    end = sync(start_crawl, tmp_path, source(server.url, auth), "oauth.events", LAB_SECRET=SECRET, LOG_LEVEL="DEBUG")
    assert end.code == 0, end.log
    assert stored(database_url, "oauth__events") == truth(database)
    renewals = tokens_given(server) - given - 1
    assert renewals >= 1
    if auth == _SILENT:
        # Each refusal led to one new token.
        assert refused(server) - gone == renewals
    assert_hidden([SECRET, *access_tokens(database)], end.log, whole_database(database_url))


def test_refusals_that_say_nothing_and_a_kill_lose_nothing_between_tokens(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    """The provider is behind the same proxy, and refuses tokens as well."""
    with Nginx(server.url, "3r/s", burst=1) as nginx:
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            source(nginx.url, _CLIENT.format(scope="read")),
            "oauth.events",
            database_url=database_url,
            table="oauth__events",
            LAB_SECRET=SECRET,
        )
        asked = nginx.answers()
    assert end.code == 0, end.log
    assert stored(database_url, "oauth__events") == truth(database)
    assert any(answer.status == 429 for answer in asked)
    pages = [answer for answer in asked if "/protected/" in answer.uri]
    assert impatient(pages, end.killed_at) == []


def access_tokens(database: Path) -> list[str]:
    """All that the provider has ever given, from its own tables."""
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT token FROM oauth2_provider_accesstoken UNION SELECT token FROM oauth2_provider_refreshtoken"
        )
        return [token for (token,) in found]


def test_a_replaced_refresh_token_outlives_kills_between_renewals(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    settings = {
        "LAB_SECRET": "lab-pw-secret-4711",
        "LAB_REFRESH": first_refresh_token(server),
        "TOKEN_ENCRYPTION_KEY": KEY,
        "LOG_LEVEL": "DEBUG",
        "WRITE_BATCH_SIZE": "1",
    }
    text = source(server.url, _REFRESH)
    files = write_sources(tmp_path / "sources", oauth=text)
    logs = []
    # Right after a new token was stored and no one has used it, and after pages were committed by it.
    for place in ("token_stored@1", "after_commit@3"):
        crawl = start_crawl("", spider="oauth.events", **files, **settings, DATASYNC_FAILPOINT=f"{place}=kill")
        assert crawl.wait() == -signal.SIGKILL, crawl.log
        logs.append(crawl.log)
    # What is in the database then is the only refresh token that the provider still takes.
    assert value(database_url, "SELECT count(*) FROM ingestion_tokens") == 1
    end = sync(start_crawl, tmp_path, text, "oauth.events", **settings)
    assert end.code == 0, end.log
    assert stored(database_url, "oauth__events") == truth(database)
    secrets = [settings["LAB_SECRET"], *access_tokens(database)]
    assert_hidden(secrets, *logs, end.log, whole_database(database_url))


@pytest.mark.parametrize(
    ("secret", "scope", "named"),
    [("wrong-secret-4711", "read", "invalid_client"), (SECRET, "everything", "invalid_scope")],
)
def test_what_the_provider_refuses_ends_the_run_at_once_with_what_to_correct(
    start_crawl: StartCrawl,
    tmp_path: Path,
    database_url: str,
    server: RealServer,
    secret: str,
    scope: str,
    named: str,
) -> None:
    before = len(answers(server, "/o/token/"))
    text = source(server.url, _CLIENT.format(scope=scope))
    end = sync(start_crawl, tmp_path, text, "oauth.events", LAB_SECRET=secret)
    assert end.code == 1, end.log
    status, reason, detail = last_end(database_url)
    assert (status, reason) == ("failed", "token_refused")
    assert named in detail
    assert ("client_id" if named == "invalid_client" else "scope") in detail.replace(named, "")
    assert len(answers(server, "/o/token/")) - before == 1
    assert_hidden([secret], end.log, whole_database(database_url))


def test_a_token_without_the_scope_is_refused_by_the_resource_at_once(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer
) -> None:
    """403: no new token would help."""
    before = len(answers(server, "/protected/"))
    text = source(server.url, _CLIENT.format(scope="write"))
    end = sync(start_crawl, tmp_path, text, "oauth.events", LAB_SECRET=SECRET)
    assert end.code == 1, end.log
    assert last_end(database_url)[0] == "failed"
    assert [answer.status for answer in answers(server, "/protected/")[before:]] == [403]
