"""Where the text of ids is written: a file that appears whole or not at all, or one without a name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from datasync_spider.datasync.submission.refusal import SubmissionRefused


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when the context ends well.

    A device or a pipe is written to as it is.
    Raises SubmissionRefused where it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    is_special = path.exists() and not path.is_file()
    try:
        if is_special:
            with path.open("wb") as sink:
                yield sink
            return
        with part.open("xb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(path)
    except OSError as error:
        raise SubmissionRefused(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if not is_special:
            with suppress(OSError):
                part.unlink()


@contextmanager
def scratch(home: Path) -> Iterator[BinaryIO]:
    """A file without a name, in ``home`` where that can be written, else where the system keeps such files."""
    with tempfile.TemporaryFile(dir=_writable(home)) as file:
        yield file


def _writable(home: Path) -> Path | None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return home if os.access(home, os.W_OK | os.X_OK) else None
