"""Says what kept the embedded PostgreSQL from working, in the terms of :mod:`embedded_postgres.errors`.

Invariant: every message ends with what to do, and carries the last lines that PostgreSQL itself wrote. The server is
asked to write SQLSTATE codes into its log, so its failures are distinguished by code; ``initdb`` knows no codes, only
the system's error texts.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from embedded_postgres.errors import ServerFailed, ServerRefused, ServerUnavailable

# Written by log_line_prefix; see server.py.
LOG_LINE_PREFIX = "%m [%p] %e "
_FATAL = re.compile(r"\] (?P<sqlstate>[0-9A-Z]{5}) (?:FATAL|PANIC): ")
_TAIL_LINES = 12

_DISK_FULL = "53100"
_NO_PERMISSION = "42501"
_NO_FILE = "58P01"
# A PANIC during recovery has no code of its own but XX000.
_DAMAGED = frozenset({"XX000", "XX001", "XX002", "58030", _NO_FILE})
_BAD_CONFIGURATION_FILE = "F0000"
_LOCK_FILE_EXISTS = "F0001"
_BY_ERRNO = {
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.ENOENT: _NO_FILE,
}


def server_failed(log: Path, start: int) -> ServerFailed:
    """For a server that ended at once; ``start`` is where in the log its own lines begin."""
    tail = _tail(log, start)
    codes = _FATAL.findall(tail)
    sqlstate = codes[-1] if codes else _code_of_text(tail)
    message = f"the embedded PostgreSQL did not start: {_advice(sqlstate, log)}\n{tail}".rstrip()
    if sqlstate is not None and sqlstate[:2] in {"53", "57"}:
        return ServerUnavailable(message, sqlstate)
    return ServerRefused(message, sqlstate)


def tool_failed(what: str, output: str) -> ServerFailed:
    """For a program of PostgreSQL's that did not do its work."""
    sqlstate = _code_of_text(output)
    tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
    message = f"{what}: {_advice(sqlstate, None)}\n{tail}".rstrip()
    return ServerUnavailable(message, sqlstate) if sqlstate == _DISK_FULL else ServerRefused(message, sqlstate)


def system_failed(what: str, error: OSError) -> ServerFailed:
    """For a file or directory of the embedded database that the system refuses."""
    where = f" ({error.filename})" if error.filename else ""
    code = _BY_ERRNO.get(error.errno or 0)
    message = f"{what}: {error.strerror}{where}: {_advice(code, None)}"
    return ServerUnavailable(message, code) if code == _DISK_FULL else ServerRefused(message, code)


def _advice(sqlstate: str | None, log: Path | None) -> str:
    if sqlstate == _DISK_FULL:
        return "the disk is full: make room, nothing that was committed is lost"
    if sqlstate == _NO_PERMISSION:
        return "permission is missing: run as the user who made the directory, or choose another DATASYNC_HOME"
    if sqlstate is not None and sqlstate.startswith("53"):
        return "the machine is short of memory or other resources: free some and start again"
    if sqlstate in _DAMAGED:
        return "its files are damaged: restore a backup, or move the directory away to begin anew"
    if sqlstate == _BAD_CONFIGURATION_FILE:
        return "its postgresql.conf has been edited and is wrong: mend what is named below"
    if sqlstate == _LOCK_FILE_EXISTS:
        return "a server that was started by other means runs on the same files: stop that one"
    more = f"; all of it is in {log}" if log else ""
    return f"PostgreSQL says why below{more}; DATABASE_URL may name another server"


def _code_of_text(text: str) -> str | None:
    return next((code for number, code in _BY_ERRNO.items() if os.strerror(number) in text), None)


def _tail(log: Path, start: int) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(start)
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])
