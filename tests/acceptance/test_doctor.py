"""``scrapy doctor`` as its user sees it: what is amiss is named with a remedy, and looking costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.ops.doctor.compiledcode import check_compiled
from datasync_spider.records.compiled import IS_COMPILED
from tests.support.crawl import scrapy
from tests.support.credentials import keep_wait
from tests.support.database import execute_outside, value
from tests.support.mock import MockApi
from tests.support.rawserver import raw_server, response

StartMock = Callable[..., MockApi]
KEY = "a-secret-key-of-some-length"


def diagnose(**settings: str) -> tuple[int, dict[str, Any]]:
    done = scrapy("doctor", "--json", **settings)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def amiss(report: dict[str, Any]) -> list[tuple[str, str]]:
    # Whether there was a compiler is this machine's matter, and no test's.
    return [
        (finding["part"], finding["level"])
        for finding in report["findings"]
        if finding["level"] != "ok" and finding["part"] != "code"
    ]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "DATASYNC_HOME": str(tmp_path / "home")}


def test_where_all_is_well_nothing_is_amiss_and_nothing_was_asked_of_the_feed(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    mock = start_mock_api("--rate-limit", "1", "--api-key", KEY)
    code, report = diagnose(API_BASE_URL=mock.base_url, DATASYNC_API_KEY=KEY, **environment)
    assert (code, report["ok"], amiss(report)) == (0, True, [])
    parts = {finding["part"] for finding in report["findings"]}
    assert parts == {"configuration", "code", "database", "api", "clock", "disk"}
    reported = [finding["text"] for finding in report["findings"] if finding["part"] == "code"]
    assert reported == [check_compiled(IS_COMPILED).text]
    stats = mock.control("stats")
    assert stats["by_endpoint"] == {"health": {"200": 1}}
    assert stats["api_key"]["present"] == 0
    assert value(environment["DATABASE_URL"], "SELECT count(*) FROM ingestion_runs") == 0


def test_settings_are_reported_with_their_source_and_secrets_masked(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    mock = start_mock_api()
    where = {"API_BASE_URL": mock.base_url, "DATASYNC_API_KEY": KEY, "API_PAGE_LIMIT": "77", **environment}
    done = scrapy("doctor", "-s", "STREAM=other", **where)
    assert done.returncode == 0, done.stderr
    assert "  API_PAGE_LIMIT=77  (environment)" in done.stdout
    assert "  STREAM=other  (command line, -s)" in done.stdout
    assert "  DATASYNC_API_KEY=***  (environment)" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_configuration_that_is_wrong_is_a_problem_and_named_in_full(environment: dict[str, str]) -> None:
    code, report = diagnose(API_PAGE_LIMIT="many", API_TIMEOUT_MS="-1", **environment)
    assert (code, amiss(report)) == (1, [("configuration", "problem")])
    (finding,) = report["findings"]
    assert "API_PAGE_LIMIT" in finding["text"]
    assert "API_TIMEOUT_MS" in finding["text"]


def test_a_database_that_cannot_be_reached_does_not_keep_the_rest_from_being_looked_at(
    start_mock_api: StartMock, environment: dict[str, str]
) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/events"
    where = {**environment, "DATABASE_URL": url}
    code, report = diagnose(API_BASE_URL=start_mock_api().base_url, **where)
    assert (code, amiss(report)) == (1, [("database", "problem")])
    assert "hunter2" not in json.dumps(report)
    assert any(finding["part"] == "api" for finding in report["findings"])


def test_an_api_that_cannot_be_reached_is_a_problem_with_a_remedy(environment: dict[str, str]) -> None:
    with raw_server(b"") as server:
        base_url = f"{server.origin}/api/v1"
    code, report = diagnose(API_BASE_URL=base_url, **environment)
    assert (code, amiss(report)) == (1, [("api", "problem")])
    assert any("API_BASE_URL" in (finding["remedy"] or "") for finding in report["findings"])


def test_a_clock_that_differs_from_the_apis_is_noticed(environment: dict[str, str]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    with raw_server(response(404, b"", Date=date)) as server:
        _, report = diagnose(API_BASE_URL=f"{server.origin}/api/v1", **environment)
    assert amiss(report) == [("clock", "problem")]


@pytest.mark.parametrize("status", [302, 503])
def test_an_api_that_is_not_well_is_a_warning(environment: dict[str, str], status: int) -> None:
    with raw_server(response(status, b"", Location="http://elsewhere.invalid/")) as server:
        code, report = diagnose(API_BASE_URL=f"{server.origin}/api/v1", **environment)
    assert (code, amiss(report)) == (0, [("api", "warning")])


def test_migrations_that_are_pending_are_a_warning_and_stay_pending(
    start_mock_api: StartMock, empty_database_url: str, tmp_path: Path
) -> None:
    where = {"DATABASE_URL": empty_database_url, "DATASYNC_HOME": str(tmp_path / "home")}
    code, report = diagnose(API_BASE_URL=start_mock_api().base_url, **where)
    assert (code, amiss(report)) == (0, [("database", "warning")])
    assert value(empty_database_url, "SELECT to_regclass('ingested_events') IS NULL")


def test_commits_that_may_be_lost_are_a_warning(start_mock_api: StartMock, environment: dict[str, str]) -> None:
    name = environment["DATABASE_URL"].partition("@/")[2].partition("?")[0]
    execute_outside(environment["DATABASE_URL"], f"ALTER DATABASE {name} SET synchronous_commit = off")
    code, report = diagnose(API_BASE_URL=start_mock_api().base_url, **environment)
    assert (code, amiss(report)) == (0, [("database", "warning")])


def test_without_any_setting_the_services_that_a_crawl_would_start_are_looked_at(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, report = diagnose(DATASYNC_HOME=str(home))
    assert code == 0, report
    assert any("embedded PostgreSQL" in finding["text"] for finding in report["findings"])
    assert any("says that it is well" in finding["text"] for finding in report["findings"])


def test_a_refusal_that_holds_crawls_back_is_a_problem_before_one_is_started(
    start_mock_api: StartMock, database_url: str, environment: dict[str, str]
) -> None:
    base_url = start_mock_api("--total", "10").base_url
    keep_wait(database_url, "now() + INTERVAL '1 day'")
    code, report = diagnose(API_BASE_URL=base_url, **environment)
    assert code == 1
    assert amiss(report) == [("api", "problem")]
    assert any("no request with this credential before" in finding["text"] for finding in report["findings"])
