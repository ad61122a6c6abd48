"""A feed's file on this machine: what stands under its name is whole, whatever happens to the crawl.

States of an export, and what a crash in each leaves behind:

written    under ``.NAME.part`` beside it   the former file, and that part, which the next export there writes over
stored     overwriting: renamed             the former file, or the new one
           appending: copied behind it      what was copied so far; an error takes it back, a SIGKILL cannot
discarded  the part is deleted              the former file

Invariant: an export that met an error leaves the file as it was, byte for byte. A device or a pipe is written to as it
is.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from scrapy.extensions.feedexport import FileFeedStorage
from scrapy.utils.asyncio import run_in_thread
from scrapy.utils.defer import deferred_from_coro

from datasync_spider.ops.exporting.target import open_alone

if TYPE_CHECKING:
    from scrapy import Spider
    from twisted.internet.defer import Deferred

_DEVICES = ("/dev/", "/proc/")


class WholeFileStorage(FileFeedStorage):
    """In the place of Scrapy's own for paths and ``file:`` URIs. One instance is one file.

    ``former_bytes``: so many stand before what is written.
    """

    former_bytes = 0

    def __init__(self, uri: str, *, feed_options: dict[str, Any] | None = None) -> None:
        super().__init__(uri, feed_options=feed_options)
        # A link goes on leading to the file.
        self._target = Path(os.path.realpath(self.path))
        self._part: Path | None = None

    def open(self, spider: Spider) -> IO[bytes]:
        if self.path.startswith(_DEVICES) or (self._target.exists() and not self._target.is_file()):
            return super().open(spider)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        if self.write_mode == "ab" and self._target.exists():
            self.former_bytes = self._target.stat().st_size
        part = self._target.with_name(f".{self._target.name}.part")
        file = open_alone(part)
        self._part = part
        return file

    def store(self, file: IO[bytes]) -> Deferred[None] | None:
        if self._part is None:
            return super().store(file)
        # A disk may take its time, and the crawl goes on meanwhile.
        return deferred_from_coro(run_in_thread(self._finish, file, self._part))

    def discard(self, file: IO[bytes]) -> None:
        """Instead of storing it."""
        with suppress(OSError):
            file.close()
        if self._part is not None:
            with suppress(OSError):
                self._part.unlink()

    def _finish(self, file: IO[bytes], part: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        if not self._target.exists():
            part.replace(self._target)
        elif self.write_mode == "wb":
            with suppress(PermissionError):
                part.chmod(stat.S_IMODE(self._target.stat().st_mode))
            part.replace(self._target)
        else:
            _append(part, self._target)
            part.unlink()
        file.close()


def _append(part: Path, target: Path) -> None:
    """All of it or nothing."""
    former_bytes = target.stat().st_size
    try:
        with part.open("rb") as source, target.open("ab") as sink:
            shutil.copyfileobj(source, sink)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError:
        with suppress(OSError):
            os.truncate(target, former_bytes)
        raise
