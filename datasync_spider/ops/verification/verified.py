"""What was verified, as one JSON object and as lines for people. Pure.

Invariant: names of types come from the API and are made fit to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from datasync_spider.observe.display import visible
from datasync_spider.ops.verification.check import Check, exit_code
from datasync_spider.storage.verification import Events

_SHOWN_DAYS = 14
_SHOWN_TYPES = 20
_LONGEST_TYPE = 60
_LEVEL_WIDTH = len("problem")


def as_report(
    stream: str, read_at: datetime, seconds: float, checks: Sequence[Check], events: Events
) -> dict[str, Any]:
    """``by_day`` and ``by_type`` count all events of the slice; null: no time, no type."""
    return {
        "stream": stream,
        "read_at": read_at.isoformat(),
        "seconds": round(seconds, 3),
        "ok": all(check.holds for check in checks),
        "exit_code": exit_code(checks),
        "checks": [
            {
                "name": check.name,
                "ok": check.holds,
                "text": check.text,
                "numbers": dict(check.numbers),
                "remedy": check.remedy,
            }
            for check in checks
        ],
        "by_day": [{"day": day, "events": count} for day, count in events.days],
        "by_type": [{"type": _type(name), "events": count} for name, count in events.types],
    }


def as_lines(report: dict[str, Any]) -> list[str]:
    """The report for people: a line a check, with the remedy under it where there is one."""
    lines = [f"stream {report['stream']} as of {report['read_at']}"]
    width = max(len(check["name"]) for check in report["checks"])
    for check in report["checks"]:
        level = "ok" if check["ok"] else "problem"
        lines.append(f"{level:<{_LEVEL_WIDTH}}  {check['name']:<{width}}  {check['text']}")
        if check["remedy"]:
            lines.append(f"{'':<{_LEVEL_WIDTH + width + 4}}-> {check['remedy']}")
    lines += _counts("type", [(entry["type"], entry["events"]) for entry in report["by_type"]], _SHOWN_TYPES)
    lines += _counts("day", [(entry["day"], entry["events"]) for entry in report["by_day"]], _SHOWN_DAYS)
    return [*lines, _verdict(report)]


def _counts(what: str, counts: list[tuple[str | None, int]], most: int) -> list[str]:
    if not counts:
        return []
    shown = [(f"(no {'time' if what == 'day' else what})" if name is None else name, count) for name, count in counts]
    width = max(len(name) for name, _ in shown[:most])
    lines = [f"events by {what}:", *(f"  {name:<{width}}  {count:>13,}" for name, count in shown[:most])]
    return lines if len(shown) <= most else [*lines, f"  … and {len(shown) - most:,} more, see --json"]


def _type(name: str | None) -> str | None:
    return None if name is None else visible(name, _LONGEST_TYPE)


def _verdict(report: dict[str, Any]) -> str:
    checks = report["checks"]
    problems = sum(not check["ok"] for check in checks)
    looked = f"{len(checks)} checks in {report['seconds']:,.1f} s"
    return (
        f"{problems} {'problem' if problems == 1 else 'problems'} in {looked}"
        if problems
        else f"everything holds: {looked}"
    )
