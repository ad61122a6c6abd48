"""What ``scrapy status`` says of one slice, made of its report, for people. Pure."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from datasync_spider.observe.columns import STREAM, of_part, words
from datasync_spider.pacing.waittexts import until_text
from datasync_spider.sources.drift import in_text
from datasync_spider.sources.streamnames import label


def slice_lines(report: dict[str, Any], program: str) -> list[str]:
    """Its state, who holds it, what it waits for, and its last runs. ``program``: what was typed."""
    expected = f" of {report['expected_total']:,}" if report["expected_total"] is not None else ""
    further = words([column for column in STREAM if column.key != "total_ingested"], report)
    of_all = f"{report['total_ingested']:,}{expected} stored"
    lines = [f"stream {label(report['stream'], report['slice'])}: {', '.join([of_all, *further])}"]
    if report["pass"]["number"] is not None:
        since = f", since {_time(report['pass']['since'])}" if report["pass"]["since"] else ""
        number, kind = report["pass"]["number"], report["pass"]["kind"]
        lines.append(f"pass {number} ({kind}{since}) is {report['pass']['status']}")
    if report["floor_at"]:
        lines.append(f"all up to {_time(report['floor_at'])} is stored")
    if report["newest_occurred_at"]:
        lines.append(f"events from {_time(report['oldest_occurred_at'])} to {_time(report['newest_occurred_at'])}")
    lease = report["lease"]
    if lease["held_by"]:
        expired = ", expired" if lease["expired"] else ""
        lines.append(f"lease: {lease['held_by']} since {_time(lease['since'])} (run {lease['run_id']}{expired})")
    if report["paused_at"]:
        lines.append(f"paused since {_time(report['paused_at'])}: {program} streams resume {report['stream']}")
    lines += _wait_lines(report["credential"])
    lines += _field_lines(report)
    lines += _poll_lines(report["next_sync_in_seconds"])
    run = report["run"]
    if run is None and report["earlier_runs"]:
        lines.append("no run since what it had stored was forgotten: the next crawl reads all of it anew")
    elif run is None:
        first = "begins it" if report["backfill"] is None else "begins with a full pass"
        lines.append(f"no run yet: the first crawl {first}")
    else:
        lines += _run_lines(run, report["activity"])
    if report["backfill"]:
        lines.append("a backfill after it:" if run else "a backfill:")
        lines.append(_earlier_line(report["backfill"]))
    if report["earlier_runs"]:
        lines += ["before it:", *(_earlier_line(run) for run in report["earlier_runs"])]
    return lines


def _wait_lines(credential: dict[str, Any]) -> list[str]:
    column, seconds = "closed_until", credential["seconds"]
    if seconds < credential["advised_seconds"]:
        column, seconds = "advised_until", credential["advised_seconds"]
    if seconds <= 0:
        return []
    where = f"ingestion_credentials.{column} of credential {credential['id']}"
    return [f"the API asks for no request until {until_text(seconds, time.time())} ({where})"]


def _field_lines(report: dict[str, Any]) -> list[str]:
    changes = report["newest_drift"]
    return [f"fields: {in_text(changes, report['drifted'])}"] if changes else []


def _poll_lines(seconds: float) -> list[str]:
    return [f"the API asks for no further sync of it until {until_text(seconds, time.time())}"] if seconds > 0 else []


def _run_lines(run: dict[str, Any], doing: dict[str, str]) -> list[str]:
    reason = f": {run['reason']}" if run["reason"] else ""
    detail = f" ({run['detail']})" if run["detail"] else ""
    state = f", {doing['state']}" if run["status"] == "running" else ""
    return [
        f"run {run['id']} is {run['status']}{state}{reason}{detail}",
        *(f"  {text}" for text in (doing["words"], doing["advice"]) if text),
        f"  {_time(run['started_at'])} to {_time(run['ended_at'])}",
        *(f"  {', '.join(words(of_part(part), run))}" for part in ("received", "became", "cost")),
    ]


def _earlier_line(run: dict[str, Any]) -> str:
    reason = f", {run['reason']}" if run["reason"] else ""
    return (
        f"  run {run['id']}: {run['status']}{reason}; {_time(run['started_at'])} to {_time(run['ended_at'])},"
        f" {run['inserted']:,} inserted of {run['events']:,} events"
    )


def _time(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S %Z}" if instant else "-"
