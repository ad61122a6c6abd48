"""What people and programs get to read of submissions.

Invariant: whatever came from the API is shown fit for a terminal, and no secret that is named is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import asdict

from datasync_spider.datasync.submission.idtext import Prepared
from datasync_spider.datasync.submission.overview import Overview
from datasync_spider.datasync.submission.quota import QUOTA
from datasync_spider.datasync.submission.sending import Outcome
from datasync_spider.observe.display import shown_value

_LONGEST_CONTENT = 4000

_UNKNOWN_ADVICE = (
    "It is not known whether the API has taken it; nothing was repeated, and it counts as a used try.",
    "Check before sending again: 'scrapy submit status' asks the API what it has; compare count and time.",
)


def prepared_report(prepared: Prepared) -> dict[str, Any]:
    """The text as a JSON object."""
    overruled = list(prepared.overruled)
    return {**asdict(prepared.text), "rejected_not_included": prepared.rejected, "overruled": overruled}


def prepared_lines(prepared: Prepared) -> list[str]:
    """The text for people."""
    text = prepared.text
    lines = [f"{text.count:,} event ids, {text.size:,} bytes, SHA-256 {text.sha256}"]
    if prepared.rejected:
        lines.append(f"{prepared.rejected:,} rejected events are not included: they are in rejected_events")
    lines += [f"overruled by --anyway: {objection}" for objection in prepared.overruled]
    return lines


def outcome_report(outcome: Outcome, secrets: Iterable[str]) -> dict[str, Any]:
    """The outcome as a JSON object."""
    ending = {**asdict(outcome.ending), "receipt": shown_value(outcome.ending.receipt, secrets)}
    return {"attempt_id": outcome.attempt_id, **ending, "tries_left": outcome.left, "whole": outcome.is_whole}


def outcome_lines(outcome: Outcome, secrets: Iterable[str]) -> list[str]:
    """The outcome for people."""
    known = tuple(secrets)
    ending = outcome.ending
    status = "not sent" if ending.status == "planned" else ending.status
    lines = [f"attempt {outcome.attempt_id}: {status}: {shown_value(ending.detail or '', known)}"]
    if ending.receipt is not None:
        lines.append(f"the API's answer: {_content(ending.receipt, known)}")
    if ending.status == "unknown":
        lines += _UNKNOWN_ADVICE
    return [*lines, f"tries left for this key: {outcome.left} of {QUOTA}"]


def overview_report(overview: Overview, secrets: Iterable[str]) -> dict[str, Any]:
    """Both sides' view as a JSON object."""
    known = tuple(secrets)

    def shown(value: Any) -> Any:
        return shown_value(value, known)

    tries, remote_status = overview.tries, overview.remote_status
    return {
        "tries": {"used": tries.used, "left": tries.left, "sent_from_here": tries.used_here},
        "in_progress": overview.in_progress,
        "attempts": [{name: shown(_plain(value)) for name, value in row.items()} for row in overview.attempts],
        "api": {"status": remote_status.status, "content": shown(remote_status.content)} if remote_status else None,
        "api_trouble": shown(overview.trouble),
    }


def overview_lines(overview: Overview, secrets: Iterable[str]) -> list[str]:
    """Both sides' view for people."""
    report = overview_report(overview, secrets)
    lines = [f"this key: {overview.tries}"]
    if report["in_progress"]:
        lines.append(report["in_progress"])
    lines.append("attempts in this database:" if report["attempts"] else "no attempt is recorded in this database")
    for row in report["attempts"]:
        lines += _attempt_lines(row)
    if report["api"] is None:
        lines.append(f"the API could not be asked: {report['api_trouble']}")
    else:
        lines.append(f"the API answers with status {report['api']['status']}:")
        lines += [f"  {line}" for line in _pretty(report["api"]["content"])]
    return lines


def _attempt_lines(row: Mapping[str, Any]) -> list[str]:
    whose = "" if row["is_this_key"] else ", with another key"
    status = "not sent" if row["status"] == "planned" and row["ended_at"] else row["status"]
    when = (row["sent_at"] or row["planned_at"])[:19].replace("T", " ")
    what = f"{row['event_count']:,} ids of stream {row['stream']} for {row['repo']}{whose}"
    lines = [
        f"  {row['attempt_id']}: {status}, {when}, {what}",
        f"     SHA-256 {row['sha256']}",
    ]
    if row["detail"]:
        lines.append(f"     {row['detail']}")
    if row["receipt"] is not None:
        lines.append(f"     receipt: {_content(row['receipt'])}")
    return lines


def _content(content: Any, secrets: Iterable[str] = ()) -> str:
    text = json.dumps(shown_value(content, secrets), ensure_ascii=False)
    return text if len(text) <= _LONGEST_CONTENT else f"{text[:_LONGEST_CONTENT]}…"


def _pretty(content: Any) -> list[str]:
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return (text if len(text) <= _LONGEST_CONTENT else f"{text[:_LONGEST_CONTENT]}\n…").splitlines()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
