import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.faces.dashboard import activity as activity_module
from datasync_spider.faces.dashboard.activity import Activity, activity
from datasync_spider.observe.states import MACHINE_STATES, STATES

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def run(**columns: Any) -> dict[str, Any]:
    """A run that sent its last heartbeat 5 s ago under a lease of 60 s."""
    return {
        "status": "running",
        "reason": None,
        "started_at": ago(600),
        "heartbeat_at": ago(5),
        "holds_lease": True,
        "lease_run_id": 7,
        "lease_expires_at": NOW + timedelta(seconds=55),
        "closed_until": None,
        **columns,
    }


def recent(last: float, longest_wait_ms: int = 0) -> dict[str, Any]:
    return {"last_at": ago(last), "longest_wait_ms": longest_wait_ms}


def does(row: dict[str, Any], pages: dict[str, Any] | None = None) -> Activity:
    return activity(row, pages, NOW)


def test_a_run_that_commits_is_fetching() -> None:
    doing = does(run(), recent(2))
    assert (doing.state, doing.tone, doing.alive) == ("fetching", "active", True)


def test_a_run_without_a_page_is_starting() -> None:
    assert does(run(started_at=ago(4)), {"last_at": None, "longest_wait_ms": 0}).state == "starting"
    assert does(run(started_at=ago(4))).words == "It started 4 seconds ago and waits for its first page."


def test_a_wait_that_the_api_asked_for_is_reported_with_its_end() -> None:
    doing = does(run(closed_until=NOW + timedelta(seconds=23)), recent(28))
    assert (doing.state, doing.words) == ("waiting", "The API wants no request for another 23 seconds; it waits.")
    assert does(run(closed_until=ago(1)), recent(2)).state == "fetching"


def test_a_wait_that_has_just_ended_is_followed_by_fetching() -> None:
    assert does(run(closed_until=ago(3)), recent(54)).state == "fetching"
    assert does(run(closed_until=ago(30)), recent(81)).state == "quiet"


def test_a_pause_as_long_as_earlier_waits_is_taken_for_the_rate_window() -> None:
    doing = does(run(), recent(40, longest_wait_ms=51_000))
    assert doing.state == "waiting"
    assert doing.words.startswith("It probably waits for the rate window: nothing committed for 40 seconds")


def test_a_pause_that_no_wait_explains_is_only_called_quiet() -> None:
    assert does(run(), recent(40)).state == "quiet"
    assert does(run(), recent(400, longest_wait_ms=51_000)).tone == "warning"


def test_a_late_heartbeat_is_reported_before_the_lease_is_over() -> None:
    doing = does(run(heartbeat_at=ago(45), lease_expires_at=NOW + timedelta(seconds=15)), recent(45))
    assert (doing.state, doing.alive) == ("late", True)
    assert "another 15 seconds" in doing.words


def test_a_run_whose_lease_has_expired_may_be_dead() -> None:
    doing = does(run(heartbeat_at=ago(180), lease_expires_at=ago(120)), recent(180))
    assert (doing.state, doing.tone, doing.alive) == ("silent", "bad", False)
    assert doing.words.startswith("No heartbeat for 3 minutes: the process may be dead")
    assert "safe" in doing.advice


@pytest.mark.parametrize(("holder", "words"), [(9, "Run 9 has taken the stream over"), (None, "no longer holds")])
def test_a_run_without_the_lease_is_displaced(holder: int | None, words: str) -> None:
    doing = does(run(holds_lease=holder is None and None, lease_run_id=holder), recent(2))
    assert doing.state == "displaced"
    assert words in doing.words


@pytest.mark.parametrize(
    ("status", "reason", "tone"),
    [
        ("complete", "last_page", "good"),
        ("incomplete", "short_read", "warning"),
        ("stopped", "SIGTERM", "idle"),
        ("failed", "api_refused", "bad"),
        ("fenced", "fenced", "warning"),
    ],
)
def test_an_ended_run_says_why(status: str, reason: str, tone: str) -> None:
    doing = does(run(status=status, reason=reason))
    assert (doing.tone, doing.alive) == (tone, False)
    assert doing.words


def test_each_state_of_a_running_run_is_documented() -> None:
    source = Path(activity_module.__file__).read_text()
    states = set(re.findall(r'Activity\(\s*"(\w+)"', source))
    assert {"fetching", "silent"} <= states
    page = (Path(activity_module.__file__).parents[3] / "docs" / "operate" / "dashboard.md").read_text()
    of_slices, _, others = page.partition("### Machines")
    of_machines, _, of_runs = others.partition("### What a run is doing")
    assert set(re.findall(r"^\| `(\w+)` \|", of_runs, re.MULTILINE)) == states
    for text, known in ((of_slices, STATES), (of_machines, MACHINE_STATES)):
        assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == known


def test_clocks_that_disagree_make_no_negative_times() -> None:
    assert does(run(heartbeat_at=NOW + timedelta(seconds=3)), recent(-4)).state == "fetching"
