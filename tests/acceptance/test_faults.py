"""Whatever the API does wrong for a while, the run ends complete and exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.mock import MockApi
from tests.support.truth import assert_exact

QUICK = {"API_PAGE_LIMIT": "200", "API_TIMEOUT_MS": "1500", "API_RETRY_BASE_MS": "20", "API_RETRY_MAX_MS": "200"}


@pytest.mark.parametrize(
    "name",
    [
        "status_500",
        "status_503",
        "reset",
        "reset_body",
        "truncated",
        "truncated_json",
        "stalled",
        "drip",
        "empty",
        "non_object",
        "html",
        "missing_fields",
        "has_more_no_cursor",
        "short_returned",
    ],
)
def test_a_passing_fault_costs_a_retry_and_no_event(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, name: str
) -> None:
    mock = start_mock_api("--total", "2000")
    mock.control("faults", "POST", {"name": name, "requests": [1, 4, 5]})
    crawl = start_crawl(mock.base_url, **QUICK)
    assert crawl.wait() == 0, crawl.log
    # A reset of a reused connection before any answer (the fourth request) is mended by the HTTP client itself.
    assert value(database_url, "SELECT retries FROM ingestion_runs") == (2 if name == "reset" else 3)
    assert_exact(database_url, 2000)


@pytest.mark.parametrize("name", ["stalled", "drip"])
def test_an_answer_that_takes_too_long_ends_the_run_with_the_limits_name(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, name: str
) -> None:
    mock = start_mock_api("--total", "2000", "--fault", f"{name}=1")
    crawl = start_crawl(mock.base_url, API_MAX_RETRIES="0", **{**QUICK, "API_TIMEOUT_MS": "500"})
    assert crawl.wait() == 1, crawl.log
    detail = value(database_url, "SELECT detail FROM ingestion_runs")
    assert detail.endswith("the last failure was timeout: no whole answer within the 0.5 s of API_TIMEOUT_MS")


@pytest.mark.parametrize("style", ["seconds", "date", "fraction", "zero", "past-date", "epoch", "none"])
def test_a_429_is_obeyed_in_every_form_and_never_answered_with_a_hot_loop(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, style: str
) -> None:
    mock = start_mock_api("--total", "600", "--retry-after-style", style)
    mock.control("faults", "POST", {"name": "rate_limit_burst", "requests": [2], "wait_ms": 1000})
    crawl = start_crawl(mock.base_url, **QUICK)
    assert crawl.wait() == 0, crawl.log
    assert mock.control("stats")["early_requests"] == 0
    assert_exact(database_url, 600)


def test_a_storm_of_429_is_sat_out_without_a_single_early_request(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "600")
    storm = [1, 2, 3, 4, 5, 7, 8]
    mock.control("faults", "POST", {"name": "rate_limit_burst", "requests": storm, "wait_ms": 300})
    # A storm uses up no attempt: with two of them, this one would be over soon.
    crawl = start_crawl(mock.base_url, API_MAX_RETRIES="2", **QUICK)
    assert crawl.wait() == 0, crawl.log
    stats = mock.control("stats")
    assert stats["by_endpoint"]["events"]["429"] == len(storm)
    assert stats["early_requests"] == 0
    assert_exact(database_url, 600)


def test_a_rate_window_is_used_without_a_single_429(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000", "--rate-limit", "10", "--rate-window-ms", "2000")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    assert crawl.wait() == 0, crawl.log
    statuses = [request["status"] for request in mock.control("stats")["requests"]]
    assert statuses.count(429) <= 1
    assert_exact(database_url, 3000)


def test_retries_that_never_help_end_the_run_as_failed(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "600")
    mock.control("faults", "POST", {"name": "status_503", "rate": 1.0})
    crawl = start_crawl(mock.base_url, API_MAX_RETRIES="4", **QUICK)
    assert crawl.wait() == 1, crawl.log
    assert mock.requests() == 5
    assert value(database_url, "SELECT reason FROM ingestion_runs") == "retries_exhausted"


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "600")
    mock.control("faults", "POST", {"name": "redirect", "requests": [1]})
    crawl = start_crawl(mock.base_url, **QUICK)
    assert crawl.wait() == 1, crawl.log
    assert mock.requests() == 1
    assert value(database_url, "SELECT reason FROM ingestion_runs") == "api_refused"


def test_hostile_events_are_kept_apart_and_the_good_ones_of_their_pages_are_stored(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    mock.control("faults", "POST", {"name": "malformed_events", "requests": [3]})
    crawl = start_crawl(mock.base_url, REJECTED_MAX_PERCENT="100", **QUICK)
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM rejected_events") >= 8
    assert value(database_url, "SELECT count(DISTINCT page_number) FROM rejected_events") == 1
    assert value(database_url, "SELECT count(*) FROM ingested_events") >= 2000
