"""The model counts committed work, and says what the run is doing right now."""

from __future__ import annotations

import pytest

from datasync_spider.faces.progress.state import Activity, ProgressState
from tests.support.progress import RETRY_BUDGET_SECONDS, WALL, commit, running


def test_before_the_run_is_opened_it_is_starting() -> None:
    assert ProgressState(RETRY_BUDGET_SECONDS, 0.0).activity() is Activity.STARTING


def test_commits_add_up() -> None:
    state = running(stored=100, expected_total=1_000)
    commit(state, 1.0, pages=2, inserted=90, duplicates=5, rejected=5, stored=190)
    commit(state, 2.0, inserted=10, stored=200)
    assert (state.counts.batches, state.counts.pages, state.counts.events) == (2, 3, 110)
    assert (state.counts.inserted, state.counts.duplicates, state.counts.rejected) == (100, 5, 5)
    assert state.stored == 200
    assert state.last_commit_at == WALL + 2.0


def test_a_commit_that_was_read_back_has_no_total_and_still_counts() -> None:
    state = running(stored=100, expected_total=1_000)
    commit(state, 1.0, inserted=50, stored=None)
    assert (state.stored, state.expected_total) == (150, 1_000)


def test_the_newest_event_is_never_replaced_by_an_older_one() -> None:
    state = running()
    commit(state, 1.0, inserted=1, newest_event_at=500.0)
    commit(state, 2.0, inserted=1, newest_event_at=400.0)
    commit(state, 3.0, duplicates=1, newest_event_at=None)
    assert state.newest_event_at == 500.0


def test_a_request_in_flight_is_fetching_though_batches_are_written_meanwhile() -> None:
    state = running()
    state.request_sent(1.0)
    state.buffer_changed(pages=2, rows=10_000, writing=2)
    assert state.activity() is Activity.FETCHING
    state.request_ended()
    assert state.activity() is Activity.WRITING
    state.buffer_changed(pages=0, rows=0, writing=0)
    assert state.activity() is Activity.FETCHING


def test_a_pause_is_waiting_until_it_ends() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 1.0)
    assert state.activity() is Activity.WAITING
    state.wait_ended(31.0)
    assert state.activity() is Activity.FETCHING


def test_a_database_that_fails_is_away_until_the_next_commit_and_since_the_first_failure() -> None:
    state = running()
    state.writer_retrying(1, 0.2, 10.0)
    state.wait_started("rate_window", 30.0, 10.5)
    state.writer_retrying(2, 0.4, 11.0)
    assert state.activity() is Activity.DATABASE_AWAY
    assert state.outage is not None
    assert (state.outage.since, state.outage.attempt, state.outage.next_attempt_at) == (10.0, 2, 11.4)
    commit(state, 12.0, inserted=1)
    assert state.activity() is Activity.WAITING
    assert state.write_retries == 2


def test_the_first_reason_for_the_end_stays() -> None:
    state = running()
    state.ends("SIGTERM")
    state.ends("retries_exhausted")
    assert (state.activity(), state.ending) == (Activity.ENDING, "SIGTERM")


def test_retries_are_counted_by_reason() -> None:
    state = running()
    for reason in ("status_503", "status_503", "timeout"):
        state.request_retrying(reason)
    assert state.retries == {"status_503": 2, "timeout": 1}
    assert state.retries_in_all == 3


def test_the_time_left_follows_from_what_is_missing_and_the_rate_of_late() -> None:
    state = running(stored=1_000, expected_total=11_000)
    assert state.seconds_left(0.0) is None
    commit(state, 10.0, inserted=1_000)
    assert state.seconds_left(10.0) == pytest.approx(90.0)


def test_the_time_left_counts_the_wait_that_is_under_way() -> None:
    state = running(stored=1_000, expected_total=11_000)
    commit(state, 10.0, inserted=1_000)
    # What a usual window's pause costs is in the rate of late already; a long one comes on top of it.
    state.wait_started("rate_window", 60.0, 10.0)
    assert state.seconds_left(10.0) == pytest.approx(90.0)
    state.wait_started("rate_window", 100.0, 10.0)
    assert state.seconds_left(10.0) == pytest.approx(100.0)
    state.wait_started("rate_window", 3_600.0, 10.0)
    assert state.seconds_left(10.0) == pytest.approx(3_690.0)


def test_duplicates_bring_the_end_no_nearer() -> None:
    state = running(stored=1_000, expected_total=2_000)
    commit(state, 10.0, duplicates=1_000)
    assert state.events_per_second_now(10.0) == 100.0
    assert state.seconds_left(10.0) is None


def test_a_few_new_events_on_known_ground_foretell_no_end() -> None:
    state = running(stored=100_000, expected_total=300_000)
    commit(state, 10.0, inserted=8, duplicates=90_000)
    assert state.seconds_left(10.0) is None
    commit(state, 20.0, inserted=30_000)
    assert state.seconds_left(20.0) == pytest.approx(113.3, abs=0.1)


def test_rejected_events_are_accounted_for() -> None:
    state = running(expected_total=100)
    commit(state, 1.0, inserted=90, rejected=10)
    assert state.seconds_left(1.0) == 0.0


def test_without_a_total_no_one_knows_what_is_left() -> None:
    state = running()
    commit(state, 1.0, inserted=100)
    assert state.seconds_left(1.0) is None


def test_the_cursors_life_runs_from_the_page_that_brought_it() -> None:
    state = running()
    assert state.cursor_seconds_left(0.0) is None
    state.page_fetched(1_000, 116.0, 10.0)
    assert state.cursor_seconds_left(26.0) == 100.0
    state.page_fetched(1_000, None, 30.0)
    assert state.cursor_seconds_left(31.0) is None


def test_waits_add_up_by_reason_and_the_present_one_counts_already() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 0.0)
    state.wait_ended(30.5)
    state.wait_started("status_503", 2.0, 31.0)
    state.wait_ended(33.0)
    state.wait_started("rate_window", 30.0, 40.0)
    assert state.waited_seconds(45.0) == {"rate_window": 35.5, "status_503": 2.0}
    state.wait_ended(70.0)
    assert state.waited_seconds(99.0) == {"rate_window": 60.5, "status_503": 2.0}


def test_a_wait_that_was_never_begun_ends_without_a_trace() -> None:
    state = running()
    state.wait_ended(1.0)
    assert state.waited_seconds(1.0) == {}


def test_the_rate_window_is_what_the_last_answer_reported() -> None:
    state = running()
    state.rate_window_observed(10, 7, 45.0, 5.0)
    assert (state.rate_limit.limit, state.rate_limit.remaining, state.rate_limit.resets_at) == (10, 7, 50.0)
    state.rate_window_observed(10, 6, None, 6.0)
    assert state.rate_limit.resets_at is None


def test_pages_and_bytes_that_were_fetched_are_reported_apart_from_what_is_committed() -> None:
    state = running()
    state.page_fetched(1_000, None, 0.0)
    state.page_fetched(500, None, 1.0)
    assert (state.pages_fetched, state.bytes_fetched, state.counts.pages) == (2, 1_500, 0)
