"""The row of a credential's tokens: renewed by one at a time, free when its holder is gone, and never written twice."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from datasync_spider.errors import StorageUnavailable, TokensSealed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage import tokens
from datasync_spider.storage.connection import connected
from datasync_spider.storage.pool import FEWEST, Pool
from datasync_spider.storage.removal import find_target
from datasync_spider.storage.sealing import Sealing
from datasync_spider.storage.tokens import StoredTokens, TokenRow
from tests.support.database import execute_outside, rows, value
from tests.support.runs import open_test_run
from tests.support.waiting import eventually

MINE = Credential("https://id.example", "refresh first-4711")
PLAIN = Sealing()
NEW = StoredTokens("second-4711", "access-4711", 60.0, 60.0)
HOLDERS = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"


def row(url: str, sealing: Sealing = PLAIN, held_seconds: float = 30.0, credential: Credential = MINE) -> TokenRow:
    return TokenRow(Pool(url, FEWEST), credential, "shop", sealing, held_seconds)


def test_what_is_stored_is_read_by_the_next_and_another_first_token_is_another_row(database_url: str) -> None:
    first = row(database_url)
    assert first.lock() is None
    assert first.save(NEW) is NEW
    found = row(database_url).lock()
    assert found is not None
    assert (found.refresh_token, found.access_token, found.lifetime_seconds) == ("second-4711", "access-4711", 60.0)
    assert found.left_seconds is not None
    assert 50 < found.left_seconds <= 60
    other = row(database_url, credential=Credential("https://id.example", "refresh another"))
    assert other.lock() is None
    other.save(replace(NEW, left_seconds=None, lifetime_seconds=None))
    assert rows(database_url, "SELECT generation, expires_at IS NULL FROM ingestion_tokens ORDER BY token_id") == [
        (1, False),
        (1, True),
    ]
    assert "first-4711" not in str(rows(database_url, "SELECT fingerprint FROM ingestion_tokens"))


def test_who_waits_reads_what_the_one_before_has_stored(database_url: str) -> None:
    holder, found = row(database_url), []
    holder.lock()
    waiting = threading.Thread(target=lambda: found.append(row(database_url).lock()))
    waiting.start()
    eventually(
        lambda: value(database_url, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0, what="the other to wait"
    )
    holder.save(NEW)
    waiting.join(30)
    assert [one.refresh_token for one in found if one] == ["second-4711"]
    assert value(database_url, "SELECT generation FROM ingestion_tokens") == 1


def test_a_holder_whose_connection_ends_lets_go_at_once_and_stores_over_another_one(database_url: str) -> None:
    holder = row(database_url)
    holder.lock()
    execute_outside(database_url, f"SELECT pg_terminate_backend(pid, 10000) FROM ({HOLDERS}) AS held")
    with pytest.raises(StorageUnavailable):
        holder.save(NEW)
    assert holder.save(NEW) is NEW
    assert value(database_url, "SELECT generation FROM ingestion_tokens") == 1


def test_one_that_finds_the_row_renewed_by_someone_else_takes_what_is_stored(database_url: str) -> None:
    slow, quick = row(database_url), row(database_url)
    slow.lock()
    execute_outside(database_url, f"SELECT pg_terminate_backend(pid, 10000) FROM ({HOLDERS}) AS held")
    quick.lock()
    quick.save(replace(NEW, refresh_token="third"))
    with pytest.raises(StorageUnavailable):
        slow.save(NEW)
    assert slow.save(NEW).refresh_token == "third"
    # As where the answer to a COMMIT of its own was lost.
    assert quick.save(NEW).refresh_token == "third"
    assert value(database_url, "SELECT generation FROM ingestion_tokens") == 1


def test_one_that_is_frozen_holds_the_row_for_so_long_and_no_longer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = row(database_url, held_seconds=0.2)
    frozen.lock()
    eventually(lambda: not rows(database_url, HOLDERS), what="the server to end the transaction")
    assert row(database_url).lock() is None
    # Of one that goes on and on no one waits without end.
    monkeypatch.setattr(tokens, "LOCK_TIMEOUT_MS", 100)
    holder = row(database_url)
    holder.lock()
    with pytest.raises(StorageUnavailable, match=r"the tokens of source shop are locked by another process for longer"):
        row(database_url, held_seconds=0.1).lock()
    holder.release()


def test_tokens_are_unreadable_without_their_key_and_keys_are_replaced_one_by_one(database_url: str) -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    first = row(database_url, Sealing([old]))
    first.lock()
    first.save(NEW)
    stored = str(rows(database_url, "SELECT tokens, sealed_by FROM ingestion_tokens"))
    assert "4711" not in stored
    for keys, why in (([], "TOKEN_ENCRYPTION_KEY is not set"), ([new], "encrypted with another key")):
        with pytest.raises(TokensSealed, match=why):
            row(database_url, Sealing(keys)).lock()
    both = row(database_url, Sealing([new, old]))
    assert both.lock() is not None
    both.save(NEW)
    assert row(database_url, Sealing([new])).lock() is not None
    assert value(database_url, "SELECT sealed_by FROM ingestion_tokens") == Sealing([new]).name
    # One that was stored plain is read also where a key has been set since.
    plain = row(database_url, Sealing([new]))
    plain.lock()
    plain.release()
    execute_outside(database_url, "UPDATE ingestion_tokens SET sealed_by = NULL, tokens = 'x'")
    with pytest.raises(TokensSealed, match="not as they were stored"):
        row(database_url).lock()


def test_tokens_stay_when_a_stream_goes_and_that_is_said(database_url: str) -> None:
    open_test_run(database_url, "a")
    for source, first in (("datasync", "one"), ("datasync", "two"), ("other", "three")):
        held = TokenRow(Pool(database_url, FEWEST), Credential("https://id.example", first), source, PLAIN, 30.0)
        held.lock()
        held.save(NEW)
    with connected(database_url) as connection:
        target = find_target(connection, "a", None)
    assert target is not None
    assert target.tokens == 2
