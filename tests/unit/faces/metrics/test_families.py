"""What a scrape shows of a run."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from datasync_spider.faces.metrics.families import Metrics
from datasync_spider.faces.metrics.site import render_metrics
from datasync_spider.faces.progress.state import ProgressState
from tests.support.progress import WALL, commit, everything_happened, running


def scraped(state: ProgressState, now: float, stall: float = 600.0) -> dict[tuple[str, ...], float]:
    """Value by name and the values of its labels."""
    metrics = Metrics(lambda: state, stall, "1.2.3", clock=lambda: now, wall_clock=lambda: WALL + now)
    _, body = render_metrics(metrics.registry, "")
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_committed_work_is_counted_by_its_outcome() -> None:
    values = scraped(everything_happened(), 90.0)
    outcomes = {key[1]: value for key, value in values.items() if key[0] == "datasync_events_total"}
    assert outcomes == {"inserted": 4_000, "duplicate": 900, "rejected": 100, "filtered": 0}
    assert values["datasync_pages_committed_total",] == 1
    assert values["datasync_stored_events",] == 5_000
    assert values["datasync_expected_events",] == 11_000


def test_the_run_is_described_by_its_labels() -> None:
    assert scraped(running(), 0.0)["datasync_run_info", "full", "7", "events", "1.2.3"] == 1


def test_retries_and_waits_are_reported_by_their_reasons() -> None:
    values = scraped(everything_happened(), 90.0)
    assert values["datasync_retries_total", "status_503"] == 1
    assert values["datasync_wait_seconds_total", "rate_window"] == 30.0
    assert values["datasync_write_retries_total",] == 1
    assert values["datasync_walk_restarts_total",] == 1


def test_what_alerts_ask_for_is_there_before_it_happens() -> None:
    # increase() does not see the first value of a series.
    values = scraped(running(), 0.0)
    assert values["datasync_retries_total", "rate_limited"] == 0
    assert values["datasync_wait_seconds_total", "rate_window"] == 0
    assert values["datasync_wait_seconds_total", "rate_limited"] == 0


def test_instants_are_reported_as_timestamps() -> None:
    values = scraped(everything_happened(), 90.0)
    assert values["datasync_newest_event_timestamp_seconds",] == WALL - 3_600.0
    assert values["datasync_last_commit_timestamp_seconds",] == WALL + 90.0
    assert values["datasync_cursor_expiry_timestamp_seconds",] == pytest.approx(WALL + 2.0 + 116.0)
    assert values["datasync_rate_limit_reset_timestamp_seconds",] == pytest.approx(WALL + 1.0 + 40.0)


def test_an_event_from_the_future_makes_no_lag_of_less_than_nothing() -> None:
    state = everything_happened()
    commit(state, 91.0, inserted=1, newest_event_at=WALL + 86_400.0)
    assert scraped(state, 92.0)["datasync_newest_event_timestamp_seconds",] == WALL + 92.0
    assert scraped(state, 86_401.0)["datasync_newest_event_timestamp_seconds",] == WALL + 86_400.0


def test_what_the_api_did_not_report_is_absent() -> None:
    names = {key[0] for key in scraped(ProgressState(300.0, 0.0), 1.0)}
    assert not names & {
        "datasync_expected_events",
        "datasync_stored_events",
        "datasync_rate_limit_requests",
        "datasync_rate_limit_remaining_requests",
        "datasync_rate_limit_reset_timestamp_seconds",
        "datasync_cursor_expiry_timestamp_seconds",
        "datasync_newest_event_timestamp_seconds",
        "datasync_last_commit_timestamp_seconds",
    }


def test_exactly_one_activity_is_on() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 0.0)
    activities = {key[1]: value for key, value in scraped(state, 1.0).items() if key[0] == "datasync_activity"}
    assert {name for name, value in activities.items() if value == 1} == {"waiting"}
    assert len(activities) == 6


def test_a_stall_is_reported_as_such() -> None:
    state = running()
    commit(state, 0.0, inserted=1)
    assert scraped(state, 59.0, stall=60.0)["datasync_stalled",] == 0
    values = scraped(state, 61.0, stall=60.0)
    assert (values["datasync_stalled",], values["datasync_idle_seconds",]) == (1, 61.0)


def test_a_counter_of_waiting_never_falls_when_a_wait_ends() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 0.0)
    before = scraped(state, 30.2)["datasync_wait_seconds_total", "rate_window"]
    state.wait_ended(30.2)
    assert scraped(state, 30.2)["datasync_wait_seconds_total", "rate_window"] >= before


def test_each_crawl_has_a_registry_of_its_own() -> None:
    one, other = Metrics(running, 60.0, "1"), Metrics(running, 60.0, "1")
    one.request_seconds.observe(1.0)
    assert other.registry.get_sample_value("datasync_request_duration_seconds_count") == 0
    assert one.registry.get_sample_value("datasync_request_duration_seconds_count") == 1
