r"""Rows as ``\copy`` takes them, prepared before anything is measured: the very events that the mock serves.

Invariant: written block by block to files, by a process of its own, so that none that measures holds them in memory.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.served import PROJECT
from mock_api.events import BLOCK_EVENTS, EventFactory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEXT_EVENT = re.compile(rb'(?<=\}),(?=\{"id":")')
_ID_START, _ID_STOP = 7, 43


def prepare_rows(directory: Path, total: int, parts: int, seed: int = 1) -> list[Path]:
    """Files that together hold the feed's events in COPY's text format, as many as ``parts``."""
    directory.mkdir()
    writer = [sys.executable, "-m", __name__, str(directory), str(total), str(parts), str(seed)]
    subprocess.run(writer, cwd=PROJECT, check=True)
    return _paths(directory, parts)


def _write(directory: Path, total: int, parts: int, seed: int) -> None:
    factory = EventFactory(seed)
    blocks = -(-total // BLOCK_EVENTS)
    for part, path in enumerate(_paths(directory, parts)):
        with path.open("wb") as file:
            for number in range(blocks * part // parts, blocks * (part + 1) // parts):
                newest_age = (number + 1) * BLOCK_EVENTS - 1
                for position, event in enumerate(_NEXT_EVENT.split(factory.block(number).data)):
                    age = newest_age - position
                    if age < total:
                        file.write(_row(event, factory.timeline.occurred_ms(age)))


def _paths(directory: Path, parts: int) -> list[Path]:
    return [directory / f"rows-{part + 1}.copy" for part in range(parts)]


def _row(event: bytes, occurred_ms: int) -> bytes:
    occurred_at = (_EPOCH + timedelta(milliseconds=occurred_ms)).isoformat()
    return b"%b\t%b\t%b\n" % (event[_ID_START:_ID_STOP], occurred_at.encode(), event.replace(b"\\", b"\\\\"))


if __name__ == "__main__":
    _write(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
