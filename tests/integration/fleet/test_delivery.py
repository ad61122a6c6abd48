"""Messages to a receiver that is well, down, slow, or answers otherwise: at least once, and never for long."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.fleet.notices.notifying import LONGEST_SECONDS, Notifier
from datasync_spider.storage.connection import connected
from datasync_spider.storage.due import Rhythm, SliceKey, register
from datasync_spider.storage.notices import MOST_ATTEMPTS, take_notices
from datasync_spider.storage.runs import finish_run
from datasync_spider.sync.services import Services
from datasync_spider.transport.reactor import run
from tests.support.database import execute_outside, rows
from tests.support.receiver import Receiver, receiving
from tests.support.runs import open_test_run
from tests.support.waiting import eventually

EVENTS = SliceKey("datasync", "events", "{}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def notifier(database_url: str, url: str, longest_seconds: float = 60.0) -> Notifier:
    environ = {"DATABASE_URL": database_url, "NOTIFY_URL": url, "NOTIFY_SECRET": "hunter2hunter2"}
    return Notifier(Config.from_settings(Settings(), environ, None), Services(database_url, 3), longest_seconds)


def sync(database_url: str, url: str, status: str, longest_seconds: float = 60.0) -> None:
    opened = open_test_run(database_url)
    with connected(database_url) as connection:
        finish_run(connection, opened, status, "api_refused", "secret words", 0, 0)
    run(lambda: notifier(database_url, url, longest_seconds).sync_ended(EVENTS, run_id=opened.run_id))


def again(database_url: str, url: str) -> None:
    execute_outside(database_url, "UPDATE ingestion_notices SET not_before = now()")
    run(lambda: notifier(database_url, url).deliver())


def test_a_receiver_gets_each_change_once_and_knows_who_sends_it(database_url: str, receiver: Receiver) -> None:
    for status in ("complete", "failed", "failed", "stopped", "complete", "complete"):
        sync(database_url, receiver.url, status)
    failed, recovered = receiver.posted
    assert failed.path == "/hooks/xoxb-123?token=letmein"
    assert [posted.message["type"] for posted in receiver.posted] == ["stream.failed", "stream.recovered"]
    assert (failed.message["reason"], failed.message["run_id"], failed.message["slice"]) == ("api_refused", 2, None)
    assert b"secret words" not in failed.body
    assert failed.headers["user-agent"].startswith("datasync-ingestion/")
    assert abs(time.time() - int(failed.headers["webhook-timestamp"])) < 120
    assert all(posted.is_signed_with(b"hunter2hunter2") for posted in receiver.posted)
    assert not failed.is_signed_with(b"hunter3hunter3")
    assert len({failed.message["id"], recovered.message["id"]}) == 2
    assert rows(database_url, "SELECT * FROM ingestion_notices") == []


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_it_does_not_take_is_sent_again_under_the_same_id_and_no_redirect_is_followed(
    database_url: str, receiver: Receiver, status: int
) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.location = [status], elsewhere.url
        sync(database_url, receiver.url, "failed")
        left = "SELECT attempts, extract(epoch FROM not_before - now()) BETWEEN 5 AND 10 FROM ingestion_notices"
        assert rows(database_url, left) == [(1, True)]
        # Not at once, whoever comes.
        run(lambda: notifier(database_url, receiver.url).deliver())
        again(database_url, receiver.url)
        assert elsewhere.posted == []
    first, second = receiver.posted
    assert first.body == second.body
    assert second.is_signed_with(b"hunter2hunter2")
    assert rows(database_url, left) == []


def test_a_slow_receiver_keeps_no_one_for_long_and_one_that_is_down_for_less(
    database_url: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.silent = True
    began = time.monotonic()
    sync(database_url, receiver.url, "failed", LONGEST_SECONDS)
    # A wide bound: the machine may be slow, and what is bounded is the sum of all waits.
    assert time.monotonic() - began < LONGEST_SECONDS + 15
    # The thread that was not waited for any more may still be at it.
    attempts = "SELECT attempts FROM ingestion_notices"
    eventually(lambda: rows(database_url, attempts) == [(1,)], what="the message to be taken")
    again(database_url, "http://127.0.0.1:1/hooks/xoxb-123")
    assert rows(database_url, attempts) == [(2,)]
    reported = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert reported[-1].startswith("NOTIFY_URL has not taken stream.failed of events, which is tried later: ")
    assert not any("xoxb" in text or "letmein" in text or "hunter2" in text for text in reported)


def test_after_the_last_attempt_it_is_given_up_and_said(
    database_url: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = [500, 500]
    sync(database_url, receiver.url, "failed")
    execute_outside(database_url, f"UPDATE ingestion_notices SET attempts = {MOST_ATTEMPTS - 1}")
    again(database_url, receiver.url)
    assert "NOTIFY_URL has not taken stream.failed of events, which is given up: status 500" in caplog.text
    assert rows(database_url, "SELECT * FROM ingestion_notices") == []


def test_what_is_late_is_reported_though_no_run_of_it_ends(database_url: str, receiver: Receiver) -> None:
    with connected(database_url) as connection:
        register(connection, "shop", [Rhythm("shop.orders", ['{"tenant":"a"}'], 60.0)])
    execute_outside(database_url, "UPDATE ingestion_due SET due_at = now() - INTERVAL '3 min'")
    sync(database_url, receiver.url, "complete")
    sync(database_url, receiver.url, "complete")
    (late,) = (posted.message for posted in receiver.posted)
    assert (late["type"], late["stream"], late["slice"]) == ("stream.late", "shop.orders", '{"tenant":"a"}')
    assert late["every_seconds"] == 60
    assert 180 <= late["late_seconds"] < 300


def test_a_database_that_is_away_is_no_trouble_to_who_ends(receiver: Receiver) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    run(lambda: notifier(away, receiver.url).sync_ended(EVENTS, run_id=1))
    assert receiver.posted == []


def test_of_many_that_take_messages_at_once_each_is_given_to_one(database_url: str) -> None:
    execute_outside(
        database_url,
        "INSERT INTO ingestion_notices (kind, source, stream, slice, facts)"
        " SELECT 'late', 's', 's.t', n::text, '{}' FROM generate_series(1, 60) AS n",
    )
    together = threading.Barrier(4)

    def take(_: int) -> list[str]:
        given: list[str] = []
        with connected(database_url) as connection:
            together.wait(30)
            while found := take_notices(connection, 5):
                given += [notice.slice for notice in found]
        return given

    with ThreadPoolExecutor(4) as pool:
        given = Counter(slice_ for taken in pool.map(take, range(4)) for slice_ in taken)
    assert max(given.values()) == 1
