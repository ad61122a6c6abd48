from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datasync_spider.faces.dashboard.streamrow import StreamView, rate, seconds_left, streams_page
from datasync_spider.storage.dashboard import StreamRows

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def window(seconds: float, accounted: int, events: int | None = None) -> dict[str, Any]:
    return {
        "first_at": NOW - timedelta(seconds=seconds),
        "last_at": NOW,
        "accounted": accounted,
        "events": accounted if events is None else events,
    }


def stream(**columns: Any) -> StreamView:
    row = {
        "id": 1,
        "source": "datasync",
        "stream": "events",
        "slice": "{}",
        "total_ingested": 700,
        "total_rejected": 50,
        "total_filtered": 0,
        "total_unseen": 0,
        "late_seconds": 0.0,
        "drifted": 0,
        "newest_drift": None,
        "accounted": 750,
        "updated_at": NOW,
        "completed_at": None,
        "pass_number": 1,
        "pass_kind": "full",
        "pass_status": "open",
        "pass_expected_total": 1_000,
        "oldest_occurred_at": None,
        "newest_occurred_at": NOW - timedelta(minutes=4),
        "floor_at": None,
        "kept_floor_at": None,
        "lease_owner": None,
        "lease_run_id": None,
        "lease_acquired_at": None,
        "lease_expires_at": None,
        "newest_run_id": None,
        "read_at": NOW,
        **columns,
    }
    return streams_page(StreamRows([row], {}, {}), 1).streams[0]


def test_progress_counts_what_is_stored_and_what_is_rejected() -> None:
    view = stream()
    assert (view.accounted, view.expected, view.share) == (750, 1_000, 0.75)


def test_progress_is_unknown_without_a_total_and_never_more_than_all() -> None:
    assert stream(pass_expected_total=None).share is None
    assert stream(pass_expected_total=0).share is None
    assert stream(pass_expected_total=500).share == 1.0


def test_the_lag_is_the_age_of_the_newest_event() -> None:
    assert stream().lag_seconds == 240
    assert stream(newest_occurred_at=None).lag_seconds is None


def test_a_stream_without_runs_says_so() -> None:
    assert stream(pass_status="new", pass_number=0).state == "never run"
    assert stream(pass_status="new", pass_number=3).state == "reset"
    assert stream(pass_status="open").state == "adopted"


def test_an_owner_that_is_not_ours_is_unknown() -> None:
    lease = stream(lease_owner="<b>someone</b>").lease
    assert lease is not None
    assert lease.holder == "an unknown process"


def test_the_pace_is_that_of_the_last_minutes_waits_included() -> None:
    assert rate(window(100, 5_000), "accounted", NOW) == 50
    assert seconds_left(window(100, 5_000), 7_500, 10_000, NOW) == 50


@pytest.mark.parametrize("recent", [None, {"first_at": None, "last_at": None, "accounted": 0, "events": 0}])
def test_there_is_no_pace_without_pages(recent: dict[str, Any] | None) -> None:
    assert rate(recent, "accounted", NOW) is None
    assert seconds_left(recent, 1, 10, NOW) is None


def test_one_commit_makes_no_pace() -> None:
    assert rate({**window(5, 0), "last_at": NOW - timedelta(seconds=5)}, "accounted", NOW) is None


def test_nothing_is_left_at_the_end_and_no_one_knows_while_known_events_are_read_again() -> None:
    assert seconds_left(window(100, 5_000), 10_000, 10_000, NOW) is None
    assert seconds_left(window(100, 0, events=5_000), 5, 10_000, NOW) is None
    # Nor do the few new ones among them say anything.
    assert seconds_left(window(100, 3, events=5_000), 5, 10_000, NOW) is None
    assert seconds_left(window(100, 1_000, events=5_000), 5_000, 10_000, NOW) == 500
