"""Findings as a JSON object, and as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from datasync_spider.observe.display import shown_value
from datasync_spider.ops.doctor.configuration import InForce
from datasync_spider.ops.doctor.finding import Finding, Level, has_problems


def as_report(settings: Sequence[InForce], findings: Sequence[Finding], secrets: Iterable[str] = ()) -> dict[str, Any]:
    """``ok``: a crawl can be started. No secret that is named is in it."""
    known = tuple(secrets)

    def shown(value: Any) -> Any:
        return shown_value(value, known)

    return {
        "ok": not has_problems(findings),
        "settings": [
            {"name": item.name, "value": shown(item.value), "source": shown(item.source)} for item in settings
        ],
        "findings": [
            {"part": item.part, "level": item.level.value, "text": shown(item.text), "remedy": shown(item.remedy)}
            for item in findings
        ],
    }


def as_lines(report: dict[str, Any]) -> list[str]:
    """The report for people."""
    lines = ["settings:"] if report["settings"] else []
    for item in report["settings"]:
        value = "-" if item["value"] is None else item["value"]
        lines.append(f"  {item['name']}={value}  ({item['source']})")
    for item in report["findings"]:
        lines.append(f"{item['level']:<8} {item['part']}: {item['text']}")
        if item["remedy"]:
            lines.append(f"{'':<8} -> {item['remedy']}")
    return [*lines, _verdict([item["level"] for item in report["findings"]])]


def _verdict(levels: list[str]) -> str:
    problems, warnings = levels.count(Level.PROBLEM.value), levels.count(Level.WARNING.value)
    if problems:
        return f"{problems} to put right before a crawl, {warnings} to think about"
    return f"ready to crawl, {warnings} to think about" if warnings else "ready to crawl"
