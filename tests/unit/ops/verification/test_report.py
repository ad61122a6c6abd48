"""What was verified, for people and programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.ops.verification.verified import as_lines, as_report
from datasync_spider.storage.verification import Ends, Events, Faults

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
OK = holds("stored_total", "3 events", {"rows": 3})
WRONG = fails("position", "it differs", "mend it")


def report(
    checks: list[Check],
    days: list[tuple[str | None, int]] | None = None,
    types: list[tuple[str | None, int]] | None = None,
) -> dict[str, Any]:
    nothing = Ends(None, None)
    events = Events(0, 0, nothing, nothing, frozenset(), Faults(0), tuple(days or ()), tuple(types or ()))
    return as_report("events", WHEN, 1.25, checks, events)


def test_a_remedy_stands_under_its_problem() -> None:
    lines = as_lines(report([OK, WRONG]))
    assert lines[1].split() == ["ok", "stored_total", "3", "events"]
    assert lines[2].split() == ["problem", "position", "it", "differs"]
    assert lines[3].strip() == "-> mend it"
    assert lines[-1] == "1 problem in 2 checks in 1.2 s"


def test_the_last_line_says_that_everything_holds_only_where_it_does() -> None:
    assert as_lines(report([OK]))[-1] == "everything holds: 1 checks in 1.2 s"
    assert report([OK])["ok"] is True
    assert report([OK, WRONG])["ok"] is False


def test_the_report_is_json_with_numbers_and_remedies() -> None:
    checks = json.loads(json.dumps(report([OK, WRONG])))["checks"]
    assert checks[0] == {"name": "stored_total", "ok": True, "text": "3 events", "numbers": {"rows": 3}, "remedy": None}
    assert checks[1]["remedy"] == "mend it"


def test_events_without_a_time_or_a_type_are_counted_as_such() -> None:
    lines = as_lines(report([OK], [("2026-01-01", 12_000), (None, 1)], [("click", 12_001)]))
    assert "  2026-01-01         12,000" in lines
    assert "  (no time)               1" in lines
    assert "  click         12,001" in lines


def test_what_is_left_out_is_said() -> None:
    days: list[tuple[str | None, int]] = [(f"2026-01-{day:02}", 1) for day in range(31, 0, -1)]
    lines = as_lines(report([OK], days))
    assert "  … and 17 more, see --json" in lines
    assert len(report([OK], days)["by_day"]) == 31
