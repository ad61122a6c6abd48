"""Progressing, waiting for a good reason, or stalled."""

from __future__ import annotations

import json

from datasync_spider.faces.progress.health import Verdict, health_of, health_report
from datasync_spider.faces.progress.state import ProgressState
from tests.support.progress import RETRY_BUDGET_SECONDS, commit, running

STALL = 60.0


def verdict(state: ProgressState, now: float) -> Verdict:
    return health_of(state, STALL, now).verdict


def test_a_run_that_commits_progresses() -> None:
    state = running()
    for now in range(0, 600, 50):
        commit(state, float(now), inserted=1)
        assert verdict(state, now + 49.0) is Verdict.PROGRESSING


def test_a_run_that_commits_nothing_for_too_long_is_stalled() -> None:
    state = running()
    commit(state, 10.0, inserted=1)
    assert verdict(state, 69.9) is Verdict.PROGRESSING
    assert verdict(state, 70.0) is Verdict.STALLED


def test_a_long_wait_for_the_rate_window_is_waiting() -> None:
    state = running()
    state.wait_started("rate_limited", 3_600.0, 1.0)
    assert verdict(state, 3_000.0) is Verdict.WAITING
    state.wait_ended(3_601.0)
    assert verdict(state, 3_602.0) is Verdict.PROGRESSING


def test_many_short_waits_are_excused_together() -> None:
    state = running()
    for start in range(0, 1_000, 10):
        state.wait_started("status_503", 9.5, float(start))
        state.wait_ended(start + 9.5)
    assert verdict(state, 1_000.0) is Verdict.PROGRESSING


def test_a_wait_that_never_ends_is_a_stall() -> None:
    state = running()
    state.wait_started("rate_window", 30.0, 0.0)
    assert verdict(state, 100.0) is Verdict.STALLED


def test_a_database_outage_is_waiting_within_its_budget_and_a_stall_beyond() -> None:
    state = running()
    state.writer_retrying(1, 0.2, 10.0)
    assert verdict(state, 200.0) is Verdict.WAITING
    state.writer_retrying(50, 5.0, 250.0)
    assert verdict(state, 10.0 + RETRY_BUDGET_SECONDS) is Verdict.WAITING
    assert verdict(state, 10.0 + RETRY_BUDGET_SECONDS + STALL) is Verdict.STALLED


def test_the_report_is_json_with_the_state_in_words() -> None:
    state = running(stored=5, expected_total=100)
    commit(state, 1.0, inserted=5, stored=10)
    state.wait_started("rate_window", 30.0, 8.0)
    report = json.loads(json.dumps(health_report(state, STALL, 10.0)))
    assert report == {
        "status": "waiting",
        "state": "waiting 28 s for the rate window",
        "run_id": 7,
        "stream": "events",
        "idle_seconds": 7.0,
        "stalled_after_seconds": 60.0,
        "last_commit_at": "2023-11-14T22:13:21+00:00",
        "pages_without_new": 0,
        "stored": 10,
        "expected_total": 100,
    }


def test_a_stall_tells_what_hangs_beside_the_fetching() -> None:
    state = running()
    state.request_sent(59.0)
    state.buffer_changed(pages=3, rows=600, writing=2)
    assert health_of(state, STALL, 59.5).words == "fetching page 1"
    assert health_of(state, STALL, 60.0).words == "fetching page 1 for 1 s; writing 2 batches, 600 rows in line"
