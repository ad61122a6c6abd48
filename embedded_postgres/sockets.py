"""Chooses the directory of the server's socket.

Invariant: it is private (0700) to the account of the server, which is what makes passwords unnecessary: the kernel lets
no one else, but root, reach a socket in there.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from embedded_postgres.account import Account, give, open_the_way
from embedded_postgres.errors import ServerRefused
from embedded_postgres.places import Places

PORT = 5432
_FILE = f".s.PGSQL.{PORT}"
# The smallest of the systems' limits (macOS; Linux allows four more), without the final NUL.
_MAX_PATH_BYTES = 103
# The server's list of directories and libpq's list of hosts are both separated by commas.
_SPECIAL = frozenset(",\"'\\\n")
# A connection attempt to a live server succeeds at once or finds its queue full.
_CONNECT_SECONDS = 2.0


def socket_directory(places: Places, account: Account | None) -> Path:
    """Beside the data; where no socket can be there, one below the temporary directory, kept for the next time."""
    if _fits(places.socket):
        return _private(places.socket, account)
    owner = account.uid if account else os.geteuid()
    recorded = _recorded(places)
    if recorded is not None and _is_private(recorded, owner):
        return recorded
    for base in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))):  # noqa: S108 - mkdtemp makes it unguessable
        candidate = base.resolve() / "datasync-xxxxxxxx"
        if _fits(candidate):
            made = Path(tempfile.mkdtemp(prefix="datasync-", dir=base.resolve()))
            open_the_way(made, account)
            give(made, account)
            places.distant_socket.write_bytes(os.fsencode(made))
            return made
    raise ServerRefused("no path is short enough for the embedded PostgreSQL's socket: set TMPDIR to a short one")


def forget_distant_socket(places: Places) -> None:
    """Removes the directory below the temporary one, when no server uses it any more."""
    recorded = _recorded(places)
    if recorded is None:
        return
    with suppress(OSError):
        recorded.rmdir()
    places.distant_socket.unlink(missing_ok=True)


def remove_socket(directory: Path) -> None:
    """What a server that did not end well has left."""
    for name in (_FILE, f"{_FILE}.lock"):
        (directory / name).unlink(missing_ok=True)


def answers(directory: Path) -> bool:
    """Whether a server listens on the socket in ``directory``. It is not spoken to."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(_CONNECT_SECONDS)
    with client:
        try:
            client.connect(str(directory / _FILE))
        except (TimeoutError, BlockingIOError):
            return True
        except OSError:
            return False
    return True


def _fits(directory: Path) -> bool:
    path = os.fsencode(directory / _FILE)
    return len(path) <= _MAX_PATH_BYTES and not _SPECIAL & set(str(directory)) and _is_utf8(path)


def _is_utf8(path: bytes) -> bool:
    """As the driver takes it for granted of the address, which holds it."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def _private(directory: Path, account: Account | None) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    give(directory, account)
    directory.chmod(0o700)
    return directory


def _recorded(places: Places) -> Path | None:
    try:
        return Path(os.fsdecode(places.distant_socket.read_bytes()))
    except FileNotFoundError:
        return None


def _is_private(directory: Path, owner: int) -> bool:
    """Temporary directories are everybody's, so the one we made may be gone and another one stand in its place."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == owner and stat.S_IMODE(status.st_mode) == 0o700
