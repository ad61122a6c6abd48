"""Slices that a command prints: a JSON object with texts and whole numbers in each line.

Invariant: the command runs in the project's folder and through no shell, ends within a time that is its own or is ended
with all that it has started, and is given no secret: it has the environment of this process and nothing besides. Of
what it prints all is right, or none counts.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.slicevalues import LONGEST_NAME_BYTES, MOST_SLICES, DistinctSlices, checked_values
from datasync_spider.sources.spec import SliceValues

LIMIT_SECONDS = 60.0
_MOST_BYTES = MOST_SLICES * 2 * LONGEST_NAME_BYTES
_CHUNK_BYTES = 64 * 1024
_SHOWN_BYTES = 2_000
_SHOWN_LINES = 10


def slices_of_command(
    command: Sequence[str], folder: Path, stream: str, limit_seconds: float = LIMIT_SECONDS
) -> list[SliceValues]:
    """In the order in which they are printed. Raises ConfigurationError, which says what is wrong with which line."""
    place = f"the slices of {stream} come from the command {command[0]}"
    printed = _printed(command, folder, place, limit_seconds)
    found = DistinctSlices()
    for number, line in enumerate(printed.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            if not found.add(checked_values(_decoded(line))):
                raise ValueError("it is the same as an earlier one")
        except ValueError as error:
            raise ConfigurationError(
                f"{place}, whose line {number} is no slice: {error}; allowed: in each line a JSON object of texts and"
                " whole numbers, with the same names in all, and no two alike"
            ) from None
    if not len(found):
        raise ConfigurationError(f"{place}, which printed none; allowed: a JSON object in each line, at least one")
    return list(found)


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("it is not JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it has a name twice")
    return dict(pairs)


def _printed(command: Sequence[str], folder: Path, place: str, limit_seconds: float) -> bytes:
    try:
        # In a session of its own, so that whatever it starts ends with it, and Ctrl-C is ours to answer.
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{place}, which cannot be started in {folder}: {why}") from error
    try:
        printed, said, is_whole = _read(process, time.monotonic() + limit_seconds)
        if len(printed) > _MOST_BYTES:
            raise ConfigurationError(f"{place}, which printed more than {_MOST_BYTES:,} bytes")
        if not is_whole:
            raise ConfigurationError(f"{place}, which did not end within {limit_seconds:g} s{_shown(said)}")
        code = process.wait()
    finally:
        _end(process)
    if code != 0:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise ConfigurationError(f"{place}, which ended with {how}{_shown(said)}")
    return printed


def _read(process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bytes, bool]:
    """What it printed, the end of what it said on standard error, and whether both are whole."""
    assert process.stdout is not None
    assert process.stderr is not None
    printed, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and len(printed) <= _MOST_BYTES:
            left = until - time.monotonic()
            if left <= 0:
                return bytes(printed), bytes(said), False
            for key, _ in selector.select(left):
                source: IO[bytes] = key.fileobj  # type: ignore[assignment] # it was registered so
                chunk = os.read(source.fileno(), _CHUNK_BYTES)
                if not chunk:
                    selector.unregister(source)
                elif source is process.stdout:
                    printed += chunk
                else:
                    said += chunk
                    del said[:-_SHOWN_BYTES]
    return bytes(printed), bytes(said), True


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started and that has not left its session."""
    # There may be nothing left of it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def _shown(said: bytes) -> str:
    """The end of what a command said, for people."""
    lines = said.decode("utf-8", "replace").strip().splitlines()[-_SHOWN_LINES:]
    shown = ("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line) for line in lines)
    return ":\n  " + "\n  ".join(shown) if lines else "; it said nothing on standard error"
