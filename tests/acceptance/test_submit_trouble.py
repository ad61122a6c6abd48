"""``scrapy submit send`` when things go wrong: what may have been taken is never sent again, and always counted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.crawl import PROJECT, clean_environment, scrapy
from tests.support.database import execute_outside, rows
from tests.support.mock import MockApi
from tests.support.rawserver import RawServer, raw_server, response
from tests.support.stored import store_stream
from tests.support.submitting import REPO, Submitting
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
SEND = ("submit", "send", "--repo", REPO, "--yes")
UNKNOWN, IN_PROGRESS = 3, 4


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    store_stream(database_url, ["b", "a", "c"])
    return {
        "DATABASE_URL": database_url,
        "DATASYNC_API_KEY": "a-key-of-some-length",
        "DATASYNC_HOME": str(tmp_path / "home"),
    }


def attempts(environment: dict[str, str]) -> list[tuple[Any, ...]]:
    sql = "SELECT status, ended_at IS NOT NULL FROM submission_attempts ORDER BY attempt_id"
    return rows(environment["DATABASE_URL"], sql)


def posts(mock: MockApi) -> int:
    return sum(mock.control("stats")["by_endpoint"].get("submissions", {}).values())


def fault(mock: MockApi, name: str, **parameters: Any) -> None:
    mock.control("faults", "POST", {"name": name, "endpoint": "submissions", "count": 1, **parameters})


@pytest.fixture
def slow_api(start_mock_api: StartMock) -> MockApi:
    """One that takes a minute to answer the first submission."""
    mock = start_mock_api()
    fault(mock, "slow", delay_ms=60_000)
    return mock


@pytest.mark.parametrize(
    "name",
    ["reset", "reset_body", "truncated", "truncated_json", "stalled", "empty", "html", "status_503"],
)
def test_an_answer_that_does_not_say_what_became_of_it_is_unknown_counted_and_never_repeated(
    start_mock_api: StartMock, environment: dict[str, str], name: str
) -> None:
    mock = start_mock_api()
    fault(mock, name)
    where = {"API_BASE_URL": mock.base_url, **environment}
    done = scrapy(*SEND, "--timeout-seconds", "3", **where)
    assert done.returncode == UNKNOWN, done.stderr
    assert "not known whether the API has taken it" in done.stdout
    assert "scrapy submit status" in done.stdout
    assert posts(mock) == 1
    assert attempts(environment) == [("unknown", True)]
    status = scrapy("submit", "status", **where)
    assert "1 sent from here" in status.stdout


@pytest.mark.parametrize("name", ["forbidden", "unauthorized", "rate_limit_burst", "redirect"])
def test_an_answer_that_says_no_is_a_refusal_that_counts(
    start_mock_api: StartMock, environment: dict[str, str], name: str
) -> None:
    mock = start_mock_api()
    fault(mock, name)
    done = scrapy(*SEND, API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 1
    assert attempts(environment) == [("refused", True)]
    assert posts(mock) == 1
    assert "tries left for this key: 4 of 5" in done.stdout


def test_a_key_that_the_api_says_aloud_is_masked_in_the_table_of_attempts(environment: dict[str, str]) -> None:
    key = environment["DATASYNC_API_KEY"]
    refusal = json.dumps({"message": f"no such key: {key}"}).encode()
    with raw_server(response(401, refusal)) as server:
        done = scrapy(*SEND, "--json", **environment, API_BASE_URL=f"{server.origin}/api/v1")
    assert done.returncode == 1
    assert key not in done.stdout + done.stderr
    reported = rows(environment["DATABASE_URL"], "SELECT detail, receipt FROM submission_attempts")
    assert "no such key: ***" in str(reported)
    assert key not in str(reported)


def test_where_no_one_listens_nothing_was_sent_and_no_try_is_used(environment: dict[str, str]) -> None:
    with raw_server(b"") as server:
        base_url = f"{server.origin}/api/v1"
    done = scrapy(*SEND, API_BASE_URL=base_url, **environment)
    assert done.returncode == 1
    assert "nothing was sent" in done.stdout
    assert "tries left for this key: 5 of 5" in done.stdout
    assert attempts(environment) == [("planned", True)]


def test_of_two_that_send_at_once_one_is_refused(
    slow_api: MockApi, environment: dict[str, str], tmp_path: Path
) -> None:
    where = {"API_BASE_URL": slow_api.base_url, **environment}
    with Submitting(tmp_path / "first", where, *SEND[1:]) as first:
        eventually(lambda: posts(slow_api) == 1, what="the first one to arrive")
        second = scrapy(*SEND, **where)
        assert second.returncode == IN_PROGRESS
        assert "in progress" in second.stderr
        assert posts(slow_api) == 1
        first.signal(signal.SIGTERM)
        assert first.wait() == UNKNOWN


def test_two_that_start_together_send_once(slow_api: MockApi, environment: dict[str, str], tmp_path: Path) -> None:
    where = {"API_BASE_URL": slow_api.base_url, **environment}
    with (
        Submitting(tmp_path / "one", where, *SEND[1:]) as one,
        Submitting(tmp_path / "other", where, *SEND[1:]) as other,
    ):
        eventually(lambda: one.has_ended or other.has_ended, what="one of them to be refused")
        refused, sender = (one, other) if one.has_ended else (other, one)
        assert refused.wait() == IN_PROGRESS, refused.err
        eventually(lambda: posts(slow_api) == 1, what="the other one to arrive")
        sender.signal(signal.SIGTERM)
        assert sender.wait() == UNKNOWN, sender.err
    assert posts(slow_api) == 1


def test_a_signal_while_sending_leaves_an_unknown_attempt_and_says_so(
    slow_api: MockApi, environment: dict[str, str], tmp_path: Path
) -> None:
    with Submitting(tmp_path / "out", {"API_BASE_URL": slow_api.base_url, **environment}, *SEND[1:]) as sending:
        eventually(lambda: posts(slow_api) == 1, what="it to arrive")
        sending.signal(signal.SIGINT)
        assert sending.wait() == UNKNOWN, sending.err
    assert "not known whether the API has taken it" in sending.out
    assert attempts(environment) == [("unknown", True)]


def test_a_sender_that_was_killed_counts_and_the_next_one_says_what_is_left(
    slow_api: MockApi, environment: dict[str, str], tmp_path: Path
) -> None:
    where = {"API_BASE_URL": slow_api.base_url, **environment}
    with Submitting(tmp_path / "out", where, *SEND[1:]) as sending:
        eventually(lambda: posts(slow_api) == 1, what="it to arrive")
        assert attempts(environment) == [("sent", False)]
        sending.signal(signal.SIGKILL)
        assert sending.wait() == -signal.SIGKILL
    status = scrapy("submit", "status", **where)
    assert status.returncode == 0, status.stderr
    assert "its process ended before the answer came" in status.stdout
    assert attempts(environment) == [("unknown", True)]
    again = scrapy(*SEND, **where)
    assert again.returncode == 0, again.stderr
    assert "1 of 5 tries used, 4 left (1 sent from here; the API reports 4 left)" in again.stdout


@contextmanager
def answered_late(
    environment: dict[str, str], directory: Path, **settings: str
) -> Iterator[tuple[Submitting, RawServer]]:
    """A submission that has arrived and waits for its answer, which ``may_answer`` lets go."""
    with raw_server(response(200, b'{"success":true,"data":{"eventCount":3}}')) as server:
        server.may_answer.clear()
        where = {"API_BASE_URL": f"{server.origin}/api/v1", **environment, **settings}
        with Submitting(directory, where, *SEND[1:]) as sending:
            eventually(lambda: server.posts == 1, what="it to arrive")
            yield sending, server


def test_a_database_that_is_away_when_the_answer_comes_is_waited_for_with_the_outcome_already_reported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    database = environment["DATABASE_URL"].partition("@/")[2].partition("?")[0]
    elsewhere = environment["DATABASE_URL"].replace(database, "postgres")
    with answered_late(environment, tmp_path / "out") as (sending, server):
        execute_outside(elsewhere, f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false")
        try:
            server.may_answer.set()
            eventually(lambda: "accepted with all 3 ids" in sending.out, what="the outcome to be reported")
        finally:
            execute_outside(elsewhere, f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true")
        assert sending.wait() == 0, sending.err
    assert attempts(environment) == [("accepted", True)]


def test_an_outcome_that_cannot_be_recorded_has_been_reported_and_is_said_to_be_unrecorded(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with answered_late(environment, tmp_path / "out", WRITE_RETRY_BUDGET_MS="100") as (sending, server):
        execute_outside(environment["DATABASE_URL"], "ALTER TABLE submission_attempts RENAME TO elsewhere")
        server.may_answer.set()
        assert sending.wait() == 1
        assert "accepted with all 3 ids" in sending.out
        assert "keep what was reported" in sending.err
        execute_outside(environment["DATABASE_URL"], "ALTER TABLE elsewhere RENAME TO submission_attempts")
        status = scrapy("submit", "status", API_BASE_URL=f"{server.origin}/api/v1", **environment)
    assert "its process ended before the answer came" in status.stdout
    assert "1 of 5 tries used" in status.stdout


def test_an_outcome_that_no_one_reads_any_more_is_recorded_all_the_same(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    mock = start_mock_api()
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m scrapy {' '.join(SEND)} --nolog | head -n 1"],
        cwd=PROJECT,
        env=clean_environment(API_BASE_URL=mock.base_url, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("3 event ids")
    assert done.stderr == ""
    assert attempts(environment) == [("accepted", True)]


def test_status_tolerates_whatever_the_api_answers(environment: dict[str, str]) -> None:
    hostile = '{"data":[{"\u202eid":"\\u001b[2J"}],"x":' + "[" * 400 + "]" * 400 + "}"
    for body in (hostile.encode(), b"<html>\x1b[2J", b"", b"[1,2,{}]"):
        with raw_server(response(200, body)) as server:
            done = scrapy("submit", "status", API_BASE_URL=f"{server.origin}/api/v1", **environment)
        assert done.returncode == 0, done.stderr
        assert "answers with status 200" in done.stdout
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout


def test_status_without_an_api_still_lists_what_this_database_knows(environment: dict[str, str]) -> None:
    with raw_server(b"") as server:
        base_url = f"{server.origin}/api/v1"
    done = scrapy("submit", "status", API_BASE_URL=base_url, **environment)
    assert done.returncode == 0, done.stderr
    assert "no attempt is recorded" in done.stdout
    assert "the API could not be asked" in done.stdout
