"""A file that is whole or not there: written under another name beside it, and renamed.

States, and what a crash in each leaves behind:

open      ``.NAME.part`` is written, by one process alone   the former file, and that part, which the next one empties
finished  on the disk, and renamed                          the new file
given up  the part is deleted                               the former file

Invariant: nothing but a rename changes what stands under the name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO


def open_alone(part: Path) -> IO[bytes]:
    """The file, empty, for this process alone. Raises OSError, also where another process is writing it."""
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        file = os.fdopen(descriptor, "wb")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise OSError(errno.EBUSY, "another process is exporting to it") from None
        except OSError:
            # A file system without locks.
            file.truncate(0)
            return file
        with suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == part.stat().st_ino:
                file.truncate(0)
                return file
        # Its last owner has just given it its name, or has deleted it.
        file.close()


class Target:
    """The file at a path. Opens its part; raises OSError where that, or the file, cannot be written.

    ``file``: what is to be in it.
    """

    def __init__(self, path: Path) -> None:
        # A link goes on leading to the file.
        self.path = Path(os.path.realpath(path))
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if self.path.exists() and not self.path.is_file():
            raise OSError(errno.EINVAL, "it is no plain file: -o - writes to standard output")
        self._part = self.path.with_name(f".{self.path.name}.part")
        self.file = open_alone(self._part)

    def finish(self) -> None:
        """The path has the new file, whatever happens next. Raises OSError; then it has the former one."""
        self.file.flush()
        os.fsync(self.file.fileno())
        with suppress(FileNotFoundError, PermissionError):
            self._part.chmod(stat.S_IMODE(self.path.stat().st_mode))
        self._part.replace(self.path)
        self.file.close()
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def give_up(self) -> None:
        """The path has what it had."""
        with suppress(OSError):
            self._part.unlink()
        # Writes what it still holds, for which there may be no room.
        with suppress(OSError):
            self.file.close()
