"""The exit report of a crawl."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datasync_spider.errors import ConnectionTrouble, PageUnreadable, RetriesExhausted, RetryableError, ServerTrouble
from datasync_spider.faces.exitreport.summary import (
    configuration_refused,
    lease_held,
    not_started,
    stopped_early,
    summary,
    unreadable,
)

STARTED = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)


def row(status: str, reason: str, detail: str | None = None, **others: Any) -> dict[str, Any]:
    return {
        "run_id": 12,
        "stream": "events",
        "slice": "{}",
        "status": status,
        "reason": reason,
        "detail": detail,
        "pass_kind": "full",
        "started_at": STARTED,
        "ended_at": STARTED + timedelta(minutes=4, seconds=12),
        "pages": 600,
        "events": 3_000_000,
        "inserted": 2_999_997,
        "duplicates": 3,
        "rejected": 0,
        "filtered": 0,
        "retries": 2,
        "waited_seconds": 20.0,
        "expected_total": 3_000_000,
        **others,
    }


def test_a_complete_run_says_what_is_stored_and_that_nothing_is_to_be_done() -> None:
    assert summary(row("complete", "last_page"), 2_999_997, 0) == [
        "ingestion complete: run 12 of stream events, a full pass in 4 min 12 s; last_page",
        "  this run: 600 pages, 3,000,000 events: 2,999,997 inserted, 3 duplicates, 0 rejected; 2 retries, 20 s waited",
        "  stored: 2,999,997 events; the API counts 3,000,000",
        "  next: nothing; a further run fetches only what is new",
    ]


def test_a_complete_run_with_rejected_events_points_at_them() -> None:
    *_, stored, following = summary(row("complete", "last_page", rejected=7), 10, 9)
    assert stored == "  stored: 10 events, 9 in rejected_events; the API counts 3,000,000"
    assert following == (
        "  next: look at what was rejected (9 events: scrapy rejected); a further run fetches only what is new"
    )


@pytest.mark.parametrize(
    ("status", "reason", "headline", "following"),
    [
        ("incomplete", "short_read", "ingestion incomplete: run 12", "the whole feed is read once more"),
        (
            "stopped",
            "SIGTERM",
            "ingestion stopped: run 12 of stream events by SIGTERM",
            "goes on from the stored position",
        ),
        ("failed", "api_refused", "ingestion failed: run 12", "DATASYNC_API_KEY"),
        ("failed", "stalled", "ingestion failed: run 12", "STALL_TIMEOUT_MS"),
        ("failed", "storage_unavailable", "ingestion failed: run 12", "WRITE_RETRY_BUDGET_MS"),
        ("failed", "something_new", "ingestion failed: run 12", "see the log"),
        ("fenced", "fenced", "ingestion fenced off: run 12", "another run has taken the stream over"),
        ("running", "", "ingestion ended without a word: run 12", "see the log"),
    ],
)
def test_every_other_end_says_what_to_do_next_and_never_complete(
    status: str, reason: str, headline: str, following: str
) -> None:
    lines = summary(row(status, reason, "in full"), 5, 0)
    assert lines[0].startswith(headline)
    assert lines[-1].startswith("  next: ")
    assert following in lines[-1]
    assert not any("ingestion complete" in line for line in lines)


def test_the_detail_stands_behind_the_reason() -> None:
    assert "; short_read (100 are missing)" in summary(row("incomplete", "short_read", "100 are missing"), 5, 0)[0]


def test_totals_that_could_not_be_read_are_left_out() -> None:
    assert not any(line.startswith("  stored:") for line in summary(row("complete", "last_page"), None, None))


def test_a_run_whose_end_was_never_recorded_has_no_duration() -> None:
    assert " after " not in summary(row("running", "", ended_at=None), 0, 0)[0]


def test_filtered_events_are_reported_where_there_are_any() -> None:
    assert "0 rejected, 4 filtered; 2 retries" in summary(row("complete", "last_page", filtered=4), 1, 0)[1]


@pytest.mark.parametrize(
    "lines",
    [
        not_started("the database is away", "storage_unavailable"),
        not_started("something else"),
        configuration_refused(),
        lease_held("events"),
        stopped_early("SIGTERM"),
        unreadable(12, "connection refused"),
    ],
)
def test_a_crawl_without_a_readable_run_says_what_is_stored_and_what_to_do(lines: list[str]) -> None:
    assert lines[0].startswith("ingestion ")
    assert "complete" not in lines[0]
    assert lines[1].startswith("  stored: ")
    assert lines[2].startswith("  next: ")


def gave_up_on(error: RetryableError) -> str:
    detail = str(RetriesExhausted(error.reason, "4 failed attempts", error.detail))
    return summary(row("failed", "retries_exhausted", detail), 0, 0)[-1]


@pytest.mark.parametrize(
    "error",
    [
        *(ServerTrouble(f"status_{status}", "Gateway Timeout") for status in (408, 500, 502, 503, 504, 520, 524)),
        ConnectionTrouble("timeout", "no whole answer within 2 s"),
        ConnectionTrouble("body_cut"),
        PageUnreadable("truncated_json"),
    ],
)
def test_giving_up_on_what_may_be_a_pages_size_names_the_page_limit(error: RetryableError) -> None:
    assert gave_up_on(error).endswith("; where only large pages fail in this way, lower API_PAGE_LIMIT")


@pytest.mark.parametrize("reason", ["connection_refused", "host_not_found", "tls_failed", "proxy_refused"])
def test_giving_up_on_an_api_that_is_away_names_no_page_limit(reason: str) -> None:
    assert "API_PAGE_LIMIT" not in gave_up_on(ConnectionTrouble(reason, "the last failure was timeout"))


def test_a_backfill_is_called_one_and_begins_anew_where_it_was_stopped() -> None:
    headline, *_, following = summary(row("complete", "backfilled", pass_kind="backfill"), 10, 0)
    assert headline == "ingestion complete: run 12 of stream events, a backfill in 4 min 12 s; backfilled"
    assert following == "  next: nothing; a further run fetches only what is new"
    *_, following = summary(row("stopped", "SIGTERM", pass_kind="backfill"), 10, 0)
    assert following.startswith("  next: what it has stored stays; a run for the same window begins it anew")
    *_, following = summary(row("failed", "api_refused", pass_kind="backfill"), 10, 0)
    assert "stored position" not in following


def test_what_is_to_be_mended_in_a_file_is_said_by_the_names_of_the_file() -> None:
    failed = row("failed", "api_refused", "the API refused with status 401")
    assert "DATASYNC_API_KEY" in summary(failed, 0, 0)[-1]
    of_file = summary(failed, 0, 0, None, "github")[-1]
    assert "the file of the source github" in of_file
    assert "DATASYNC_API_KEY" not in of_file
    assert "API_BASE_URL" not in of_file
    timed_out = row("failed", "retries_exhausted", "gave up; the last failure was status_504: slow")
    assert summary(timed_out, 0, 0, None, "github")[-1].endswith("lower page_size")
    assert summary(timed_out, 0, 0)[-1].endswith("lower API_PAGE_LIMIT")
