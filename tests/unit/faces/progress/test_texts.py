"""What a person reads of the progress."""

from __future__ import annotations

import json

import pytest

from datasync_spider.faces.progress.texts import activity_text, progress_fields, progress_line
from datasync_spider.observe.columns import duration
from tests.support.progress import commit, running


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (252, "4 min 12 s"),
        (3_599.7, "1 h 00 min"),
        (7_500, "2 h 05 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_wait_tells_what_is_left_of_it_and_what_it_is_for() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 1.0)
    assert activity_text(state, 8.0) == "waiting 23 s for the rate window"
    assert activity_text(state, 32.0) == "waiting due now for the rate window"


def test_pages_that_bring_nothing_new_are_reported_when_they_are_many() -> None:
    state = running()
    commit(state, 1.0, pages=9, duplicates=90)
    assert activity_text(state, 2.0) == "fetching page 1"
    commit(state, 1.0, pages=28, duplicates=280)
    assert activity_text(state, 2.0) == "fetching page 1; no new event in the last 37 pages"
    assert progress_line(state, 2.0).endswith("; no new event in the last 37 pages")
    assert progress_fields(state, 2.0)["pages_without_new"] == 37
    commit(state, 3.0, pages=15, inserted=1, duplicates=149, pages_since_new=12)
    assert activity_text(state, 3.0) == "fetching page 1; no new event in the last 12 pages"
    commit(state, 4.0, inserted=10)
    assert activity_text(state, 4.0) == "fetching page 1"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("rate_limited", "as the API asked (429)"), ("status_503", "before asking again (status_503)")],
)
def test_other_waits_tell_their_reason(reason: str, words: str) -> None:
    state = running()
    state.wait_started(reason, 2.0, 0.0)
    assert activity_text(state, 0.0) == f"waiting 2 s {words}"


def test_a_wait_that_the_api_asked_for_is_reported_in_its_own_words() -> None:
    state = running()
    state.wait_started("status_503", 86_400.0, 0.0, "503, Retry-After: 86400")
    assert activity_text(state, 60.0) == "waiting 23 h 59 min as the API asked (503, Retry-After: 86400)"


def test_no_line_promises_an_end_before_the_wait_is_over() -> None:
    state = running(expected_total=1_100)
    commit(state, 10.0, inserted=1_000)
    assert "1 s left;" in progress_line(state, 10.0)
    state.wait_started("rate_window", 86_400.0, 10.0)
    assert "1 d 0 h left;" in progress_line(state, 10.0)


def test_a_database_outage_tells_how_long_it_has_lasted_and_when_it_is_tried_again() -> None:
    state = running()
    state.writer_retrying(1, 0.2, 10.0)
    state.writer_retrying(4, 5.0, 19.0)
    assert activity_text(state, 22.0) == "PostgreSQL away for 12 s, attempt 5 in 2 s"
    assert activity_text(state, 24.0) == "PostgreSQL away for 14 s, attempt 5 now"


def test_fetching_names_the_page_and_how_long_it_takes_when_it_does() -> None:
    state = running()
    state.page_fetched(1_000, None, 0.0)
    state.request_sent(1.0)
    assert activity_text(state, 1.2) == "fetching page 2"
    assert activity_text(state, 5.0) == "fetching page 2 for 4 s"


def test_writing_and_ending_tell_what_is_not_yet_committed() -> None:
    state = running()
    state.buffer_changed(pages=1, rows=5_000, writing=1)
    assert activity_text(state, 0.0) == "writing 1 batch, 5,000 rows in line"
    state.ends("SIGTERM")
    assert activity_text(state, 0.0) == "ending (SIGTERM), writing 1 batch, 5,000 rows in line"
    state.buffer_changed(pages=0, rows=0, writing=0)
    assert activity_text(state, 0.0) == "ending (SIGTERM)"


def test_no_page_is_called_under_way_after_the_last_one() -> None:
    state = running()
    state.page_fetched(1_000, None, 0.0)
    state.pass_ended("last_page")
    state.buffer_changed(pages=1, rows=5_000, writing=1)
    assert activity_text(state, 0.0) == "ending (last_page), writing 1 batch, 5,000 rows in line"
    state.ends("storage_unavailable")
    assert activity_text(state, 0.0).startswith("ending (storage_unavailable)")


def test_the_line_tells_the_stream_first_and_then_this_run() -> None:
    state = running(stored=1_000, expected_total=11_000)
    commit(state, 10.0, pages=2, inserted=1_000, duplicates=30, rejected=0, stored=2_000)
    state.request_retrying("timeout")
    assert progress_line(state, 20.0) == (
        "progress: 2,000 of 11,000 stored, 3 min 00 s left; this run: 2 pages, 1,000 inserted, 30 duplicates,"
        " 0 rejected, 1 retry; 0 events/s now, 52 on average; fetching page 1"
    )


def test_without_a_total_the_line_tells_no_share_and_no_time_left() -> None:
    assert progress_line(running(), 1.0).startswith("progress: 0 stored; this run: 0 pages,")


def test_the_fields_say_the_same_for_programs() -> None:
    state = running(stored=1_000, expected_total=11_000)
    commit(state, 10.0, inserted=1_000, stored=2_000)
    fields = json.loads(json.dumps(progress_fields(state, 10.0)))
    assert (fields["run_id"], fields["stream"], fields["activity"]) == (7, "events", "fetching")
    assert (fields["stored"], fields["expected_total"], fields["seconds_left"]) == (2_000, 11_000, 90)
    assert (fields["inserted"], fields["events_per_second"]) == (1_000, 100)
