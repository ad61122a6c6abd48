"""Streams and slices as a table for people and as one JSON object, and what a removal takes with it. Pure.

Invariant: whatever others have named comes out visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from datasync_spider.observe.columns import STREAM, Column, duration, shown, text, values
from datasync_spider.observe.display import visible
from datasync_spider.ops.registry.choosing import Chosen
from datasync_spider.sources.streamnames import NO_SLICE, command_words, label
from datasync_spider.storage.owner import parse_owner
from datasync_spider.storage.removal import Target
from datasync_spider.storage.streams import Resynced

_NAMES = ("source", "stream", "table")
_LONGEST_NAME = 80


def as_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each slice, in columns; who runs it and since when it is paused at its end."""
    if not rows:
        return ["no stream is registered: the first crawl begins one"]
    columns = shown(STREAM, rows)
    head = (*_NAMES, *(column.label.lower() for column in columns), "pass", "last run")
    right = range(len(_NAMES), len(_NAMES) + len(columns))
    cells = [head, *(_cells(row, columns) for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(head))]
    lines = [
        "  ".join(c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    ]
    lines = [f"{line}  {note}".rstrip() for line, note in zip(lines, ["", *map(_note, rows)], strict=True)]
    more = _more(rows)
    return [*lines, f"and {more:,} more: --limit 0 lists all, --stream NAME one stream's"] if more else lines


def as_report(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``more`` slices there are besides."""
    return {"slices": [_report(row) for row in rows], "more": _more(rows)}


def loss_lines(action: str, target: Target) -> list[str]:
    """What goes, said before it does."""
    is_slice = target.slice_name is not None
    slices = f" of {target.slices:,} slices" if target.slices > 1 else ""
    lines = [
        f"stream {visible(str(target))}{slices}: {target.rows:,} rows by the totals"
        + (f" in {visible(str(target.table))}" if target.table else "")
        + f", {target.rejected:,} dead letters"
    ]
    if action == "reset":
        words = visible(command_words(target.stream, target.slice_name or NO_SLICE))
        lines.append("all that is forgotten, and so is the position; runs and pages stay as history")
        lines.append(f"to read everything again and keep what is stored: scrapy streams resync {words} --full")
    elif is_slice:
        lines.append("all that goes, with its position, its runs and its pages; the table stays for other slices")
    else:
        lines.append("all that goes, with its table, its positions, its runs and its pages")
    if target.tokens:
        lines.append("the tokens of its source stay, in ingestion_tokens: they belong to the credential")
    if not (action == "drop" and not is_slice):
        lines += [f"a foreign key leads to these rows: {visible(key)}" for key in target.foreign_keys]
    return lines


def done_line(action: str, target: Target) -> str:
    """What is so from now on."""
    if action == "drop":
        return f"stream {visible(str(target))} is dropped"
    paused = "; it stays paused" if target.paused else ""
    return f"stream {visible(str(target))} is reset: the next crawl reads all of it anew{paused}"


def resynced_line(chosen: Chosen, done: Resynced, *, is_full: bool) -> str:
    """What comes next of what is to be synced again."""
    line = f"{chosen} {chosen.be} due now"
    if is_full and done.full == done.slices:
        line += ": the next sync is a full one; what is stored stays, and so does the floor"
    elif is_full:
        some = "" if done.slices == 1 else f" of {done.slices - done.full:,} of {done.slices:,} slices"
        line += f": a full sync{some} is open already, and goes on"
        line += "; the next sync of all others is a full one" if done.full else ""
    if done.running:
        runs = "a run is" if done.running == 1 else f"{done.running:,} runs are"
        line += f"; {runs} under way, which the next sync comes after"
    return line


def _more(rows: Sequence[dict[str, Any]]) -> int:
    return int(rows[0]["slices"]) - len(rows) if rows else 0


def _cells(row: dict[str, Any], columns: Sequence[Column]) -> tuple[str, ...]:
    name = row["stream"] if row["slice"] is None else label(row["stream"], row["slice"])
    named = (visible(row["source"], _LONGEST_NAME), visible(name, _LONGEST_NAME), visible(_table(row) or "-"))
    if row["slice"] is None:
        return (*named, *("-" for _ in columns), "-", "-")
    run = f"{row['status']} (run {row['run_id']})" if row["run_id"] is not None else "-"
    pass_ = f"{row['pass_number']} {row['pass_kind']}: {row['pass_status']}"
    return (*named, *(text(column, row[column.key]) for column in columns), pass_, visible(run))


def _note(row: dict[str, Any]) -> str:
    notes = []
    if (floor_at := row["floor_at"] or row["kept_floor_at"]) is not None:
        notes.append(f"stored up to {floor_at:%Y-%m-%d %H:%M:%S %Z}")
    if row["lease_owner"] is not None:
        expired = ", expired" if row["lease_expired"] else ""
        notes.append(f"held by {visible(_holder(row))} (run {row['lease_run_id']}{expired})")
    if row["every_seconds"] is not None:
        notes.append(f"every {duration(row['every_seconds'])}, due {row['due_at']:%Y-%m-%d %H:%M:%S %Z}")
    if row["paused_at"] is not None:
        notes.append(f"paused since {row['paused_at']:%Y-%m-%d %H:%M:%S %Z}")
    return ", ".join(notes)


def _report(row: dict[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("source", "stream", "slice")}
    if row["slice"] is None:
        return {**named, "table": _table(row)}
    return {
        **named,
        "table": _table(row),
        **values(STREAM, row),
        "pass": {key: row[f"pass_{key}"] for key in ("number", "kind", "status")},
        "completed_at": _instant(row["completed_at"]),
        "floor_at": _instant(row["floor_at"] or row["kept_floor_at"]),
        "run": None
        if row["run_id"] is None
        else {"id": row["run_id"], "status": row["status"], "reason": row["reason"]},
        "lease": None
        if row["lease_owner"] is None
        else {
            "held_by": _holder(row),
            "run_id": row["lease_run_id"],
            "expires_at": _instant(row["lease_expires_at"]),
            "expired": row["lease_expired"],
        },
        "paused_at": _instant(row["paused_at"]),
        "every_seconds": row["every_seconds"],
        "due_at": _instant(row["due_at"]),
    }


def _table(row: dict[str, Any]) -> str | None:
    return None if row["table_name"] is None else f"{row['table_schema']}.{row['table_name']}"


def _holder(row: dict[str, Any]) -> str:
    return str(parse_owner(row["lease_owner"]) or "an unknown process")


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
