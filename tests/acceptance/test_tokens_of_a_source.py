"""Tokens that live for a second: a crawl renews them, keeps what is replaced, and is exact whatever befalls it."""

from __future__ import annotations

import signal
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import assert_hidden, assert_stored, assert_totals, whole_database, write_sources
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.oauthsources import BY_CLIENT, BY_REFRESH, protected, secrets_of, tokens_given, vault
from tests.support.postgres import OwnServer
from tests.support.waiting import eventually

KEY = b64encode(bytes(range(32))).decode()
SETTINGS = {"LOG_LEVEL": "DEBUG", "API_MAX_RETRIES": "3", "API_RETRY_BASE_MS": "20", "WRITE_BATCH_SIZE": "20"}
RECORDS = 600

StartCrawl = Callable[..., Crawl]
StartMock = Callable[..., MockApi]


def slow(start: StartMock, ttl_ms: int = 1000) -> MockApi:
    """A chain of it takes longer than a token lives."""
    return start("--records", str(RECORDS), "--token-ttl-ms", str(ttl_ms), "--latency-ms", "60")


@pytest.mark.parametrize("grant", [BY_CLIENT, BY_REFRESH])
def test_a_chain_outlives_its_tokens_is_killed_and_goes_on(
    grant: str, tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, database_url: str
) -> None:
    mock = slow(start_mock_api)
    settings = {
        **SETTINGS,
        **secrets_of("me"),
        **write_sources(tmp_path / "sources", vault=vault(mock.base_url, grant, "me")),
        "TOKEN_ENCRYPTION_KEY": KEY,
    }
    killed = start_crawl("", spider="vault.records", DATASYNC_FAILPOINT="after_commit@15=kill", **settings)
    assert killed.wait() == -signal.SIGKILL, killed.log
    assert 0 < value(database_url, "SELECT count(*) FROM vault__records") < RECORDS
    answered = mock.control("stats")["by_endpoint"]["protected"]["200"]
    committed = value(database_url, "SELECT count(*) FROM ingestion_pages")

    resumed = start_crawl("", spider="vault.records", **settings)
    assert resumed.wait() == 0, resumed.log
    assert_stored(database_url, "vault__records", protected(RECORDS))
    assert_totals(database_url, "vault__records", "vault.records")
    # Both chains together took two seconds at least.
    assert tokens_given(mock) >= 3
    # No page was asked for twice; how many were under way in the kill is up to the host.
    pages = value(database_url, "SELECT count(*) FROM ingestion_pages")
    assert answered <= pages
    assert mock.control("stats")["by_endpoint"]["protected"]["200"] == answered + pages - committed
    logs = [killed.log, resumed.log, whole_database(database_url)]
    assert_hidden([*secrets_of("me").values(), KEY], *logs)
    assert all("access-of" not in text and "refresh-of" not in text for text in logs)
    assert "stored as it is" not in resumed.log


def test_two_tenants_have_a_token_each_and_what_is_stored_plain_is_said_to_be(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, database_url: str
) -> None:
    mock = start_mock_api("--records", "50")
    text = vault(mock.base_url, BY_REFRESH, "a", "b")
    settings = {**SETTINGS, **secrets_of("a", "b"), **write_sources(tmp_path / "sources", vault=text)}
    crawl = start_crawl("", spider="vault.records", **settings)
    assert crawl.wait() == 0, crawl.log
    assert rows(database_url, "SELECT slice_id, count(*) FROM vault__records GROUP BY 1 ORDER BY 1") == [
        (2, 50),
        (3, 50),
    ]
    assert tokens_given(mock) == 2
    assert crawl.log.count("the refresh token of source vault is stored as it is: set TOKEN_ENCRYPTION_KEY") == 2
    assert len(rows(database_url, "SELECT tokens FROM ingestion_tokens WHERE tokens LIKE '%%refresh-of-%%'")) == 2
    assert "access-of" not in crawl.log
    # Each is one credential, with one budget, whichever token it has.
    assert (
        len(rows(database_url, "SELECT DISTINCT credential_id FROM ingestion_state WHERE stream LIKE 'vault%%'")) == 2
    )

    again = start_crawl("", spider="vault.records", **settings)
    assert again.wait() == 0, again.log
    assert tokens_given(mock) == 2
    assert (
        len(rows(database_url, "SELECT DISTINCT credential_id FROM ingestion_state WHERE stream LIKE 'vault%%'")) == 2
    )


def test_of_two_crawls_that_renew_at_once_one_asks_and_both_go_on(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, database_url: str
) -> None:
    mock = start_mock_api("--records", "100")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 800, "endpoint": "token"})
    # Two streams of one credential.
    text = vault(mock.base_url, BY_REFRESH, "me")
    stream = text[text.index("[streams.records]") :]
    text += stream.replace("[streams.records]", "[streams.others]")
    settings = {**SETTINGS, **secrets_of("me"), **write_sources(tmp_path / "sources", vault=text)}
    crawls = [start_crawl("", spider=f"vault.{name}", **settings) for name in ("records", "others")]
    for crawl in crawls:
        assert crawl.wait() == 0, crawl.log
    # Whoever uses an old refresh token has all of them revoked.
    assert tokens_given(mock) == 1
    for table in ("vault__records", "vault__others"):
        assert_stored(database_url, table, protected(100))
    assert value(database_url, "SELECT generation FROM ingestion_tokens") == 1


def test_a_database_that_goes_away_while_a_token_is_asked_for_costs_none(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, own_server: OwnServer
) -> None:
    mock = start_mock_api("--records", "50")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 1500, "endpoint": "token"})
    settings = {
        **SETTINGS,
        **secrets_of("me"),
        **write_sources(tmp_path / "sources", vault=vault(mock.base_url, BY_REFRESH, "me")),
        "DATABASE_URL": own_server.url,
    }
    crawl = start_crawl("", spider="vault.records", **settings)
    eventually(lambda: mock.control("stats")["by_endpoint"].get("token"), what="the token to be asked for")
    own_server.lose_power()
    eventually(lambda: "the database is not available" in crawl.log, what="the crawl to notice")
    own_server.start()
    assert crawl.wait() == 0, crawl.log
    assert tokens_given(mock) == 1
    assert value(own_server.url, "SELECT generation FROM ingestion_tokens") == 1
    assert_stored(own_server.url, "vault__records", protected(50))


def test_killed_between_answer_and_commit_it_says_what_was_lost_and_a_new_refresh_token_mends_it(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, database_url: str
) -> None:
    mock = start_mock_api("--records", "50")
    text = vault(mock.base_url, BY_REFRESH.replace("{client}", "me"), "me")
    settings = {**SETTINGS, **secrets_of("me"), **write_sources(tmp_path / "sources", vault=text)}
    killed = start_crawl("", spider="vault.records", DATASYNC_FAILPOINT="token_answered=kill", **settings)
    assert killed.wait() == -signal.SIGKILL, killed.log
    assert value(database_url, "SELECT tokens FROM ingestion_tokens") is None

    lost = start_crawl("", spider="vault.records", **settings)
    assert lost.wait() == 1, lost.log
    assert last_run(database_url) == ("failed", "token_refused")
    detail = value(database_url, "SELECT detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")
    for words in ("invalid_grant", "killed after the provider's answer", "put it where VAULT_REFRESH is"):
        assert words in detail
    assert "refresh-of-me" not in lost.log + detail

    # Another client's stands for the one that the provider gives anew.
    text = text.replace('client_id = "me"', 'client_id = "new"').replace('client = "me"', 'client = "new"')
    write_sources(tmp_path / "sources", vault=text)
    settings |= secrets_of("new")
    mended = start_crawl("", spider="vault.records", DATASYNC_FAILPOINT="token_stored=kill", **settings)
    assert mended.wait() == -signal.SIGKILL, mended.log
    asked = tokens_given(mock)

    # Killed after the commit, before its use: the next one uses it.
    done = start_crawl("", spider="vault.records", **settings)
    assert done.wait() == 0, done.log
    assert tokens_given(mock) == asked
    assert_stored(database_url, "vault__records", protected(50))


def test_a_wrong_encryption_key_and_a_provider_that_refuses_end_the_run_at_once(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: StartMock, database_url: str
) -> None:
    mock = start_mock_api("--records", "20")
    settings = {
        **SETTINGS,
        **secrets_of("me"),
        **write_sources(tmp_path / "sources", vault=vault(mock.base_url, BY_REFRESH, "me")),
    }
    # One that is busy is asked again, after the wait that it asks for.
    mock.control("faults", "POST", {"name": "status_503", "count": 1, "endpoint": "token"})
    first = start_crawl("", spider="vault.records", TOKEN_ENCRYPTION_KEY=KEY, **settings)
    assert first.wait() == 0, first.log
    assert "no token was given: status_503" in first.log
    other = b64encode(bytes(range(1, 33))).decode()
    wrong = start_crawl("", spider="vault.records", TOKEN_ENCRYPTION_KEY=other, **settings)
    assert wrong.wait() == 1, wrong.log
    assert last_run(database_url) == ("failed", "tokens_sealed")
    rotated = start_crawl("", spider="vault.records", TOKEN_ENCRYPTION_KEY=f"{other},{KEY}", **settings)
    assert rotated.wait() == 0, rotated.log
    missing = start_crawl("", spider="vault.records", **settings)
    assert missing.wait() == 1, missing.log
    assert "TOKEN_ENCRYPTION_KEY is not set" in missing.log

    settings["VAULT_SECRET"] = "hunter2-hunter2"
    write_sources(tmp_path / "sources", vault=vault(mock.base_url, BY_CLIENT, "me"))
    refused = start_crawl("", spider="vault.records", **settings)
    assert refused.wait() == 1, refused.log
    assert last_run(database_url) == ("failed", "token_refused")
    assert "invalid_client: The mock says so.; check client_id" in refused.log
    assert_hidden(["hunter2-hunter2"], refused.log, whole_database(database_url))
