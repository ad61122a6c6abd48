"""The report of ``scrapy status`` on one slice, made of what was read of it. Pure."""

from __future__ import annotations

from typing import Any

from datasync_spider.observe import exitcodes
from datasync_spider.observe.columns import LINE, STREAM, values
from datasync_spider.storage.credentials import Waits
from datasync_spider.storage.owner import parse_owner
from datasync_spider.storage.registry import Slice

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


def slice_report(
    slice_: Slice,
    state: dict[str, Any],
    runs: list[dict[str, Any]],
    current: list[dict[str, Any]],
    backfill: dict[str, Any] | None,
    doing: dict[str, str] | None,
    waits: Waits,
) -> dict[str, Any]:
    """``runs``: the newest first, ``current`` those of what is stored. ``doing``: what the first one does, in words."""
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
        "activity": doing,
        "run": _run_report(current[0]) if current else None,
        # Beside the passes: what it says of itself says nothing of them.
        "backfill": _run_report(backfill) if backfill else None,
        "earlier_runs": [_run_report(run) for run in (runs[1:] if current else runs)],
        "exit_code": exitcodes.exit_code(current[0]["status"]) if current else None,
    }


def line_report(line: dict[str, Any] | None) -> dict[str, Any]:
    """What a line of a list says of it; of one that was never begun nothing is known."""
    keys = ("source", "state", "every_seconds", *(column.key for column in LINE if column.key != "completed_at"))
    return {key: line[key] if line else None for key in keys if line or key != "late_seconds"}


def _run_report(run: dict[str, Any]) -> dict[str, Any]:
    return {"id": run["run_id"], **{key: value for key, value in run.items() if key not in _REPORTED_ELSEWHERE}}
