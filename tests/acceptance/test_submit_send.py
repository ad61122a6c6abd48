"""``scrapy submit send``: what is asked, counted and refused before anything leaves, and what is kept of it."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.datasync.submission.fingerprint import key_fingerprint
from datasync_spider.storage.connection import connected
from datasync_spider.storage.submissions import Ending, Plan, end_attempt, mark_sent, plan_attempt
from tests.support.crawl import scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.mock import MockApi
from tests.support.rawserver import raw_server, response
from tests.support.stored import store_many, store_stream
from tests.support.submitting import REPO, Submitting
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
KEY = "a-secret-key-of-some-length"


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A complete stream of three events, a key, and a home."""
    store_stream(database_url, ["b", "a", "c"])
    return {"DATABASE_URL": database_url, "DATASYNC_API_KEY": KEY, "DATASYNC_HOME": str(tmp_path / "home")}


def attempts(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT status, event_count, ended_at IS NOT NULL FROM submission_attempts ORDER BY attempt_id")


def posts(mock: MockApi) -> int:
    return sum(mock.control("stats")["by_endpoint"].get("submissions", {}).values())


def use_up(url: str, tries: int, key: str = KEY) -> None:
    plan = Plan("events", "http://x", key_fingerprint(key, "http://x"), "x", 1, 1, "x", lasts_ms=1000)
    for _ in range(tries):
        with connected(url) as connection:
            attempt_id = plan_attempt(connection, plan, lambda _: None)
            mark_sent(connection, attempt_id)
            end_attempt(connection, attempt_id, Ending("unknown"))


def test_what_was_prepared_arrives_and_the_receipt_is_kept(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    mock = start_mock_api("--api-key", KEY)
    done = scrapy("submit", "send", "--repo", REPO, "--yes", "--json", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["outcome"]["status"] == "accepted"
    assert report["outcome"]["tries_left"] == 4
    ((status, count, sha256, repo, receipt),) = rows(
        environment["DATABASE_URL"], "SELECT status, event_count, sha256, repo, receipt FROM submission_attempts"
    )
    assert (status, count, repo) == ("accepted", 3, REPO)
    assert receipt["data"]["eventCount"] == 3
    listed = scrapy("submit", "status", "--json", API_BASE_URL=mock.base_url, **environment)
    (taken,) = json.loads(listed.stdout)["api"]["content"]["data"]
    assert taken["bodySha256"] == sha256 == report["prepared"]["sha256"]
    assert list(Path(environment["DATASYNC_HOME"]).iterdir()) == []


def test_the_key_is_in_no_output_and_in_no_table(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    mock = start_mock_api("--api-key", KEY)
    where = {"API_BASE_URL": mock.base_url, **environment}
    outputs = [
        scrapy("submit", "send", "--repo", REPO, "--yes", "-L", "DEBUG", **where),
        scrapy("submit", "status", **where),
    ]
    assert [done.returncode for done in outputs] == [0, 0]
    assert all(KEY not in done.stdout + done.stderr for done in outputs)
    assert KEY not in str(value(environment["DATABASE_URL"], "SELECT to_jsonb(a)::text FROM submission_attempts a"))


def test_a_dry_run_shows_everything_and_leaves_nothing(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    mock = start_mock_api("--api-key", KEY)
    done = scrapy("submit", "send", "--repo", REPO, "--dry-run", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 0, done.stderr
    assert "3 event ids" in done.stdout
    assert "0 of 5 tries used" in done.stdout
    assert "nothing was sent" in done.stdout
    assert attempts(environment["DATABASE_URL"]) == []
    assert posts(mock) == 0


def test_where_no_one_can_be_asked_nothing_is_sent(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    mock = start_mock_api("--api-key", KEY)
    done = scrapy("submit", "send", "--repo", REPO, API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert posts(mock) == 0


@pytest.mark.parametrize(("answer", "code", "sent"), [(b"yes\n", 0, 1), (b"no\n", 1, 0), (b"\n", 1, 0)])
def test_a_person_is_asked_and_only_yes_means_yes(
    start_mock_api: StartMock, environment: dict[str, str], tmp_path: Path, answer: bytes, code: int, sent: int
) -> None:
    mock = start_mock_api("--api-key", KEY)
    where = {"API_BASE_URL": mock.base_url, **environment}
    terminal, stdin = pty.openpty()
    try:
        with Submitting(tmp_path / "out", where, "send", "--repo", REPO, stdin=stdin) as sending:
            eventually(lambda: "Type yes" in sending.err or sending.has_ended, what="the question")
            assert "send 3 ids to" in sending.err
            os.write(terminal, answer)
            assert sending.wait() == code, sending.err
    finally:
        os.close(terminal)
        os.close(stdin)
    assert posts(mock) == sent


@pytest.mark.parametrize("repo", ["https://example.org/x", "owner/name"])
def test_a_repository_that_is_none_costs_no_try(
    start_mock_api: StartMock, environment: dict[str, str], repo: str
) -> None:
    mock = start_mock_api("--api-key", KEY)
    done = scrapy("submit", "send", "--repo", repo, "--yes", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 1
    assert posts(mock) == 0


def test_an_incomplete_stream_is_not_sent(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    execute_outside(environment["DATABASE_URL"], "UPDATE ingestion_state SET pass_status = 'open'")
    mock = start_mock_api("--api-key", KEY)
    done = scrapy("submit", "send", "--repo", REPO, "--yes", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 1
    assert "is not complete" in done.stderr
    assert posts(mock) == 0


def test_the_last_try_must_be_asked_for_and_then_there_is_none(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    mock = start_mock_api("--api-key", KEY)
    where = {"API_BASE_URL": mock.base_url, **environment}
    use_up(environment["DATABASE_URL"], 4)
    refused = scrapy("submit", "send", "--repo", REPO, "--yes", **where)
    assert (refused.returncode, posts(mock)) == (1, 0)
    assert "--last-try" in refused.stderr
    taken = scrapy("submit", "send", "--repo", REPO, "--yes", "--last-try", **where)
    assert (taken.returncode, posts(mock)) == (0, 1), taken.stderr
    assert "tries left for this key: 0 of 5" in taken.stdout
    over = scrapy("submit", "send", "--repo", REPO, "--yes", "--last-try", **where)
    assert (over.returncode, posts(mock)) == (1, 1)
    assert "no try is left" in over.stderr


@pytest.mark.parametrize(("quota", "words"), [("1", "--last-try"), ("0", "no try is left")])
def test_what_the_api_reports_of_its_quota_counts_too(
    start_mock_api: StartMock, environment: dict[str, str], quota: str, words: str
) -> None:
    mock = start_mock_api("--api-key", KEY, "--submission-quota", quota)
    done = scrapy("submit", "send", "--repo", REPO, "--yes", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 1
    assert words in done.stderr
    assert posts(mock) == 0


def test_the_tries_of_another_key_are_its_own(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    mock = start_mock_api("--api-key", KEY)
    use_up(environment["DATABASE_URL"], 5, key="another key")
    done = scrapy("submit", "send", "--repo", REPO, "--yes", API_BASE_URL=mock.base_url, **environment)
    assert done.returncode == 0, done.stderr


def test_a_receipt_that_counts_otherwise_is_kept_and_is_no_success(environment: dict[str, str]) -> None:
    body = json.dumps({"success": True, "data": {"eventCount": 2, "remainingSubmissions": 4}}).encode()
    with raw_server(response(200, body)) as server:
        base_url = f"{server.origin}/api/v1"
        done = scrapy("submit", "send", "--repo", REPO, "--yes", API_BASE_URL=base_url, **environment)
    assert done.returncode == 1
    assert "counts 2 events and 3 ids were sent" in done.stdout
    assert attempts(environment["DATABASE_URL"]) == [("accepted", 3, True)]
    (post,) = [request for request in server.requests if request.startswith(b"POST")]
    assert post.startswith(b"POST /api/v1/submissions?github_repo=https%3A%2F%2Fgithub.com%2Fowner%2Fname HTTP/1.1\r\n")
    assert post.endswith(b"\r\n\r\na\nb\nc")
    assert b"Content-Type: text/plain" in post


def test_an_api_that_does_not_list_submissions_is_sent_to_all_the_same(environment: dict[str, str]) -> None:
    with raw_server(response(200, b'{"success":true,"data":{"eventCount":3}}')) as server:
        where = {"API_BASE_URL": f"{server.origin}/api/v1", **environment}
        done = scrapy("submit", "send", "--repo", REPO, "--yes", **where)
        assert done.returncode == 0, done.stderr
        assert "the API reports nothing of it" in done.stdout


def test_three_hundred_thousand_ids_are_sent_without_ever_being_in_memory_together(
    start_mock_api: StartMock, environment: dict[str, str], tmp_path: Path
) -> None:
    mock = start_mock_api("--api-key", KEY)
    where = {"API_BASE_URL": mock.base_url, **environment}
    few = Submitting(tmp_path / "few", where, "send", "--repo", REPO, "--yes")
    assert few.wait() == 0, few.err
    execute_outside(environment["DATABASE_URL"], "TRUNCATE ingested_events")
    store_many(environment["DATABASE_URL"], 300_000)
    many = Submitting(tmp_path / "many", where, "send", "--repo", REPO, "--yes")
    assert many.wait() == 0, many.err
    assert "all 300,000 ids" in many.out
    # The body alone is 11 MB, the ids as Python's strings some 25 MB.
    assert many.peak_megabytes < few.peak_megabytes + 10
