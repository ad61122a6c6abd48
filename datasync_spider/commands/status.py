"""``scrapy status``: what the database says of the stream and its last runs, also while another process crawls."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from datasync_spider.errors import ConfigurationError, Stopped, StorageUnavailable
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, chosen_slice, is_migrated, typed

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.faces.dashboard.activity import Activity
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.credentials import Waits
    from datasync_spider.storage.registry import Slice

_STATUSES = ("complete", "incomplete", "stopped", "failed", "fenced", "running")


_WATCH_SECONDS = 1.0
_LAST_RUNS = 6
# What is the slice's or the moment's own, and is said of those.
_REPORTED_ELSEWHERE = {
    "run_id",
    "slice_id",
    "slice",
    "holds_lease",
    "lease_run_id",
    "lease_expires_at",
    "closed_until",
    "is_current",
    "read_at",
}
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Command(DatasyncCommand):
    """Exit code 0, or 1 where ``--expect`` names another status than that of the last run.

    With ``--watch`` it looks again every second until it is interrupted, or no one reads it any more; the exit code is
    that of the last look.
    """

    def short_desc(self) -> str:
        return "Show the stream's state, position, lease and last runs"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--watch", action="store_true", help="look again every second until Ctrl-C")
        parser.add_argument("--expect", choices=_STATUSES, help="exit 1 unless the last run has this status")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.process.standardstreams import reader_is_gone

        if not opts.watch:
            return self._look(database_url, config, opts, _print)
        code = exitcodes.FAILED
        show = _redraw if sys.stdout.isatty() and not opts.json else _print
        with suppress(Stopped):
            while not reader_is_gone():
                try:
                    code = self._look(database_url, config, opts, show)
                except ConfigurationError as error:
                    # A crawl that is about to begin its stream may be what is watched for.
                    code = exitcodes.BAD_CONFIGURATION
                    print(f"{self.name}: {error}", file=sys.stderr)
                except StorageUnavailable as error:
                    # Whoever watches wants to see it come back.
                    print(f"{self.name}: {error}", file=sys.stderr)
                time.sleep(_WATCH_SECONDS)
        return code

    def _look(self, database_url: str, config: Config, opts: argparse.Namespace, show: Callable[[str], None]) -> int:
        from datasync_spider.observe.display import visible
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.credentials import waits_of
        from datasync_spider.storage.polls import read_poll
        from datasync_spider.storage.status import read_last_backfill, read_last_runs, read_state

        with connected(database_url) as connection:
            if not is_migrated(connection):
                return exitcodes.FAILED
            slice_ = chosen_slice(connection, self.plan(with_secrets=False))
            state = read_state(connection, slice_.slice_id)
            if state is None:
                raise ConfigurationError(f"stream {slice_} has been dropped meanwhile")
            runs = read_last_runs(connection, slice_.slice_id, _LAST_RUNS)
            # Earlier ones tell of what is forgotten.
            current = [run for run in runs if run["run_id"] >= state["first_run_id"]]
            doing = _activity(connection, current[0]["run_id"]) if current else None
            backfill = read_last_backfill(connection, slice_.slice_id)
            waits = waits_of(connection, state["credential_id"])
            poll_seconds = read_poll(connection, slice_.slice_id)
        report = {
            **_report(slice_, state, runs, current, backfill, doing, waits),
            "next_sync_in_seconds": poll_seconds,
        }
        show(json.dumps(report, default=_plain) if opts.json else "\n".join(visible(line) for line in _lines(report)))
        run = report["run"]
        if opts.expect and (run is None or run["status"] != opts.expect):
            return exitcodes.FAILED
        return exitcodes.COMPLETE


def _print(text: str) -> None:
    print(text, flush=True)


def _redraw(text: str) -> None:
    """Over the former text, line by line, so that nothing flickers."""
    lines = "".join(f"{line}{_REST_OF_LINE}\n" for line in text.splitlines())
    sys.stdout.write(f"{_HOME}{lines}{_REST_OF_SCREEN}")
    sys.stdout.flush()


def _activity(connection: Connection, run_id: int) -> Activity:
    """What the run does or how it ended, in the words of the status page."""
    from datasync_spider.faces.dashboard.activity import activity
    from datasync_spider.storage.dashboard import read_recent_pages, read_runs_by_id

    (row,) = read_runs_by_id(connection, [run_id])
    doing = activity(row, read_recent_pages(connection, [run_id]).get(run_id), row["read_at"])
    connection.rollback()
    return doing


def _report(
    slice_: Slice,
    state: dict[str, Any],
    runs: list[dict[str, Any]],
    current: list[dict[str, Any]],
    backfill: dict[str, Any] | None,
    doing: Activity | None,
    waits: Waits,
) -> dict[str, Any]:
    from datasync_spider.observe.columns import STREAM, values
    from datasync_spider.storage.owner import parse_owner

    owner = parse_owner(state["lease_owner"]) if state["lease_owner"] else None
    return {
        "stream": slice_.stream,
        "slice": slice_.name,
        "table": str(slice_.table),
        **values(STREAM, state),
        "expected_total": state["pass_expected_total"],
        "pass": {
            **{key: state[f"pass_{key}"] for key in ("number", "kind", "status", "started_at")},
            "since": state["pass_since_at"],
        },
        "floor_at": state["floor_at"] or state["kept_floor_at"],
        "oldest_occurred_at": state["oldest_occurred_at"],
        "newest_occurred_at": state["newest_occurred_at"],
        "completed_at": state["completed_at"],
        "updated_at": state["updated_at"],
        "paused_at": state["paused_at"],
        "newest_drift": state["newest_drift"] or [],
        "lease": {
            "held_by": str(owner) if owner else None,
            "run_id": state["lease_run_id"],
            "since": state["lease_acquired_at"],
            "expires_at": state["lease_expires_at"],
            "expired": state["lease_expired"],
        },
        # What the API has asked of the key that the last run has used.
        "credential": {"id": waits.credential_id, **waits.closed._asdict()},
        "activity": {"state": doing.state, "words": doing.words, "advice": doing.advice} if doing else None,
        "run": _run_report(current[0]) if current else None,
        # Beside the passes: what it says of itself says nothing of them.
        "backfill": _run_report(backfill) if backfill else None,
        "earlier_runs": [_run_report(run) for run in (runs[1:] if current else runs)],
        "exit_code": exitcodes.exit_code(current[0]["status"]) if current else None,
    }


def _run_report(run: dict[str, Any]) -> dict[str, Any]:
    return {"id": run["run_id"], **{key: value for key, value in run.items() if key not in _REPORTED_ELSEWHERE}}


def _lines(report: dict[str, Any]) -> list[str]:
    from datasync_spider.observe.columns import STREAM, words
    from datasync_spider.sources.streamnames import label

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
        lines.append(f"paused since {_time(report['paused_at'])}: {typed()} streams resume {report['stream']}")
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
    from datasync_spider.pacing.waittexts import until_text

    column, seconds = "closed_until", credential["seconds"]
    if seconds < credential["advised_seconds"]:
        column, seconds = "advised_until", credential["advised_seconds"]
    if seconds <= 0:
        return []
    where = f"ingestion_credentials.{column} of credential {credential['id']}"
    return [f"the API asks for no request until {until_text(seconds, time.time())} ({where})"]


def _field_lines(report: dict[str, Any]) -> list[str]:
    from datasync_spider.sources.drift import in_text

    changes = report["newest_drift"]
    return [f"fields: {in_text(changes, report['drifted'])}"] if changes else []


def _poll_lines(seconds: float) -> list[str]:
    from datasync_spider.pacing.waittexts import until_text

    return [f"the API asks for no further sync of it until {until_text(seconds, time.time())}"] if seconds > 0 else []


def _run_lines(run: dict[str, Any], doing: dict[str, str]) -> list[str]:
    from datasync_spider.observe.columns import of_part, words

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


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a status report")
