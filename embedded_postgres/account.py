"""Which account the server runs as: PostgreSQL refuses to run as root.

Invariant: an ordinary user's server runs as that user and nothing is changed for it. For root an unprivileged account
is found, and directories on the way to what the server needs get the one missing bit (o+x), each with a log line.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from embedded_postgres.errors import ServerRefused

logger = logging.getLogger(__name__)

_OWN_NAME = "datasync-postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user of this machine."""

    uid: int
    gid: int


class Identity(TypedDict, total=False):
    """The arguments of ``subprocess`` that change who runs a program."""

    user: int
    group: int
    extra_groups: list[int]


def run_as(account: Account | None) -> Identity:
    """None: as ourselves."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def account_for(data: Path) -> Account | None:
    """Who must run the server of this data directory, which need not exist yet. None: the user that we are.

    Raises ServerRefused where the directory belongs to someone whom we cannot become.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise ServerRefused(
                f"{data} belongs to {_name(owner.st_uid)}, not to {_name(os.geteuid())}:"
                " run as its owner, or choose another DATASYNC_HOME"
            )
        return None
    if owner is None:
        return unprivileged_account()
    if owner.st_uid == 0:
        raise ServerRefused(
            f"{data} belongs to root, as whom PostgreSQL refuses to run: give it to another user (chown -R)"
        )
    return Account(owner.st_uid, owner.st_gid)


def unprivileged_account() -> Account:
    """``postgres`` where there is one; else one of our own, made where that is possible; else ``nobody``."""
    for name in ("postgres", _OWN_NAME):
        if (entry := _lookup(name)) is not None:
            return entry
    _create_own()
    for name in (_OWN_NAME, "nobody"):
        if (entry := _lookup(name)) is not None:
            return entry
    raise ServerRefused(
        "PostgreSQL refuses to run as root, and this machine has no account postgres or nobody to run it as:"
        " create one, run as another user, or set DATABASE_URL"
    )


def give(path: Path, account: Account | None) -> None:
    """Makes the account the owner of one file or directory."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def open_the_way(target: Path, account: Account | None) -> None:
    """Lets the account pass through the directories above ``target``; listing them stays forbidden."""
    if account is None:
        return
    for directory in reversed(target.resolve().parents):
        if not _may_search(directory.stat(), account):
            _add(directory, stat.S_IXOTH)
            logger.warning(
                "%s was made passable for others (o+x): the embedded PostgreSQL does not run as root", directory
            )


def make_readable(tree: Path, account: Account | None) -> None:
    """Lets the account read programs that were installed under a strict umask; nothing happens where it can already."""
    if account is None or _is_open(tree):
        return
    logger.warning("%s was made readable for others: the embedded PostgreSQL does not run as root", tree)
    for path in _chain(tree):
        mode = path.stat().st_mode
        _add(path, stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _is_open(tree: Path) -> bool:
    """One umask made the whole tree, so its first program speaks for it."""
    return all(
        path.stat().st_mode & stat.S_IXOTH and path.stat().st_mode & stat.S_IROTH
        for path in (tree, tree / "bin", tree / "bin" / "postgres")
    )


def _chain(tree: Path) -> Iterator[Path]:
    yield tree
    yield from (path for path in tree.rglob("*") if not path.is_symlink())


def _may_search(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _add(path: Path, bits: int) -> None:
    try:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | bits)
    except OSError as error:
        raise ServerRefused(
            f"the embedded PostgreSQL, which does not run as root, cannot pass {path}, and its mode cannot be changed"
            f" ({error.strerror}): choose another DATASYNC_HOME, run as another user, or set DATABASE_URL"
        ) from error


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _create_own() -> None:
    """A system account without home and login. Where that fails, ``nobody`` will do."""
    useradd = shutil.which("useradd")
    if useradd is None:
        return
    arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"]
    made = subprocess.run([useradd, *arguments, _OWN_NAME], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        logger.warning("created the system account %s, as which the embedded PostgreSQL runs", _OWN_NAME)
    else:
        logger.warning("the system account %s could not be created: %s", _OWN_NAME, made.stderr.strip())
