"""Where the tests' servers keep their data: in memory where there is plenty, since most of what a database of a test's
own costs is its hundreds of files, which a disk has to take and to give back.

The server is the one that users have, with all that makes a commit survive a power cut; no test cuts the machine's.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_PLENTY_BYTES = 8 * 1024**3


@functools.cache
def quick_directory() -> Path | None:
    """The directory that lies in memory; None: temporary files stay where they are."""
    if not _MEMORY.is_dir():
        return None
    free = min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
    return _MEMORY if free > _PLENTY_BYTES else None
