"""Begins, saves and reads reports.

Invariant: what a file says of a figure is what was measured; a file that is no report is refused with its name.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from bench.figures import Report
from bench.machine import commit, this_machine
from bench.server import Server


def begin(
    kind: Literal["cases", "sources", "peers", "growth", "slices"], arguments: Sequence[str], server: Server
) -> Report:
    """An empty report of now, here, and the command that was typed."""
    return Report(
        kind=kind,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "bench", *arguments]),
        commit=commit(),
        machine=this_machine(server.version()),
    )


def save(report: Report, path: Path) -> None:
    """Indented, so that a change can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def load(path: Path) -> Report:
    """Raises SystemExit with what is wrong with the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise SystemExit(f"{path} is no report of this benchmark: {error}") from error
