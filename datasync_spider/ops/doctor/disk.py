"""Whether there is room: for the embedded database where that is used, else for what commands leave beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning

PART = "disk"
_GB = 1_000_000_000
# Three million events of the usual size, with their indexes and the server's log of changes.
_ENOUGH_EMBEDDED = 6 * _GB
_TOO_LITTLE_EMBEDDED = _GB
# The text of three million ids, and logs.
_ENOUGH_BESIDE = _GB // 2


def free_bytes(path: Path) -> int:
    """What this user may still write where ``path`` is, or will be."""
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def check_disk(home: Path, free: int, *, embedded: bool) -> Finding:
    """``embedded``: the database itself lies in ``home``."""
    text = f"{free / _GB:,.1f} GB are free for {home}"
    if embedded and free < _TOO_LITTLE_EMBEDDED:
        return problem(PART, f"{text}, where the embedded database lies", "make room, or name a roomier DATASYNC_HOME")
    if embedded and free < _ENOUGH_EMBEDDED:
        remedy = "three million events take some 4 to 6 GB: make room, or name a roomier DATASYNC_HOME"
        return warning(PART, f"{text}, where the embedded database lies", remedy)
    if not embedded and free < _ENOUGH_BESIDE:
        return warning(PART, text, "make room for logs and for the text of ids that is submitted")
    return fine(PART, text)
