"""What is reported when the embedded PostgreSQL cannot work, and as whom it may run."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from embedded_postgres.account import Account, make_readable, open_the_way, run_as, unprivileged_account
from embedded_postgres.errors import ServerRefused, ServerUnavailable
from embedded_postgres.postmaster import server_process, server_processes
from embedded_postgres.starting import start_embedded

PROJECT = Path(__file__).resolve().parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another process")

# An ordinary user: everything is imported first, since root's Python may be out of that user's sight.
ORDINARY_USER = """
import encodings.ascii, encodings.idna, os, sys
from pathlib import Path
import psutil, psycopg2
from embedded_postgres.errors import ServerRefused
from embedded_postgres.starting import start_embedded
from embedded_postgres.postmaster import server_process
home, uid, gid = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
os.setgroups([]); os.setgid(gid); os.setuid(uid); os.chdir("/")
try:
    with start_embedded(home) as server:
        psycopg2.connect(server.url).close()
        print(server_process(home / "postgres" / "data").uids().real)
except ServerRefused as error:
    print(error)
"""


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 70 MB of its own; a fresh cluster takes 40."""
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no disk of its own can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """To the last block."""
    with (disk / "filler").open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"\0" * 4096):
            pass


def user_of_server(home: Path) -> int:
    process = server_process(home / "postgres" / "data")
    assert process is not None
    return process.uids().real


def ordinary_user(home: Path) -> str:
    no_one = pwd.getpwnam("nobody")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ORDINARY_USER, str(home), str(no_one.pw_uid), str(no_one.pw_gid)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_is_no_end_and_leaves_nothing_half_made(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(ServerUnavailable, match="the disk is full") as reported:
        start_embedded(small_disk / "home")
    assert reported.value.sqlstate == "53100"

    (small_disk / "filler").unlink()
    start_embedded(small_disk / "home").close()


def test_a_disk_that_filled_up_later_keeps_the_server_from_starting_until_there_is_room(small_disk: Path) -> None:
    start_embedded(small_disk / "home").close()
    fill(small_disk)

    with pytest.raises(ServerUnavailable, match="the disk is full"):
        start_embedded(small_disk / "home")

    (small_disk / "filler").unlink()
    start_embedded(small_disk / "home").close()


def without_control_file(data: Path) -> None:
    (data / "global" / "pg_control").unlink()


def without_wal(data: Path) -> None:
    for path in (data / "pg_wal").iterdir():
        if path.is_file():
            path.unlink()


def with_a_wrong_configuration(data: Path) -> None:
    (data / "postgresql.conf").write_text("nonsense = 1\n", encoding="utf-8")


def of_another_version(data: Path) -> None:
    (data / "PG_VERSION").write_text("15\n", encoding="ascii")


def of_something_else(data: Path) -> None:
    (data / "PG_VERSION").unlink()


@pytest.mark.parametrize(
    ("spoil", "reported"),
    [
        (without_control_file, "its files are damaged: restore a backup, or move the directory away"),
        (without_wal, "its files are damaged.*could not locate a valid checkpoint record"),
        (with_a_wrong_configuration, 'its postgresql.conf has been edited and is wrong.*"nonsense"'),
        (of_another_version, "was made by PostgreSQL 15, the embedded one is 18"),
        (of_something_else, "is not empty and no database"),
    ],
)
def test_a_spoilt_data_directory_is_refused_with_what_to_do(
    home: Path, spoil: Callable[[Path], None], reported: str
) -> None:
    spoil(home / "postgres" / "data")

    with pytest.raises(ServerRefused, match=f"(?s){reported}"):
        start_embedded(home)

    assert server_processes(home / "postgres" / "data") == []


def test_a_home_that_is_a_file_is_refused_by_its_path(place: Path) -> None:
    (place / "file").touch()

    with pytest.raises(ServerRefused, match=r"cannot be used: .*file"):
        start_embedded(place / "file")


@as_root
def test_root_runs_the_server_as_another_user(home: Path) -> None:
    with start_embedded(home):
        assert user_of_server(home) == unprivileged_account().uid


@as_root
def test_root_runs_the_server_as_the_owner_of_the_data(home: Path) -> None:
    no_one = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", f"{no_one.pw_uid}:{no_one.pw_gid}", str(home / "postgres" / "data")], check=True)

    with start_embedded(home):
        assert user_of_server(home) == no_one.pw_uid


@as_root
def test_data_that_belong_to_root_are_refused_with_what_to_do(home: Path) -> None:
    subprocess.run(["chown", "-R", "0:0", str(home / "postgres" / "data")], check=True)

    with pytest.raises(ServerRefused, match=r"belongs to root.*chown"):
        start_embedded(home)


@as_root
def test_directories_on_the_way_get_one_bit_where_it_is_missing_and_nothing_else(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (place / "closed").mkdir(mode=0o700)
    (place / "closed" / "open").mkdir(mode=0o755)

    start_embedded(place / "closed" / "open" / "home").close()

    assert stat.S_IMODE((place / "closed").stat().st_mode) == 0o701
    assert stat.S_IMODE((place / "closed" / "open").stat().st_mode) == 0o755
    changed = [record.args for record in caplog.records if "passable" in str(record.msg)]
    assert changed == [(place,), (place / "closed",)]


@as_root
def test_programs_that_were_installed_under_a_strict_umask_become_readable(place: Path) -> None:
    account = Account(65534, 65534)
    tree = place / "closed" / "pginstall"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "postgres").write_text("#!/bin/sh\ncat ../share/file\n", encoding="ascii")
    (tree / "share").mkdir()
    (tree / "share" / "file").write_text("read", encoding="ascii")
    (tree / "bin" / "postgres").chmod(0o700)
    for path in (place / "closed", tree, tree / "bin", tree / "share"):
        path.chmod(0o700)
    (tree / "share" / "file").chmod(0o600)

    make_readable(tree, account)
    open_the_way(tree / "bin" / "postgres", account)

    done = subprocess.run(
        [tree / "bin" / "postgres"], cwd=tree / "bin", capture_output=True, text=True, check=True, **run_as(account)
    )
    assert done.stdout == "read"
    assert stat.S_IMODE((tree / "share" / "file").stat().st_mode) == 0o604
    assert stat.S_IMODE((tree / "bin" / "postgres").stat().st_mode) == 0o705


@as_root
def test_an_ordinary_user_runs_the_server_as_that_user(place: Path) -> None:
    place.chmod(0o755)
    own = place / "own"
    own.mkdir(mode=0o700)
    no_one = pwd.getpwnam("nobody")
    os.chown(own, no_one.pw_uid, no_one.pw_gid)

    assert ordinary_user(own / "home") == f"{no_one.pw_uid}\n"
    assert ordinary_user(own / "home") == f"{no_one.pw_uid}\n"
    assert stat.S_IMODE((own / "home").stat().st_mode) == 0o700


@as_root
def test_an_ordinary_user_is_shown_whose_the_database_is(home: Path, place: Path) -> None:
    place.chmod(0o755)
    (home / "postgres").chmod(0o755)

    reported = ordinary_user(home)

    assert "belongs to " in reported
    assert "not to nobody: run as its owner, or choose another DATASYNC_HOME" in reported


@as_root
def test_an_ordinary_user_is_shown_where_a_home_cannot_be_made(place: Path) -> None:
    place.chmod(0o755)

    reported = ordinary_user(place / "home")

    assert f"Permission denied ({place}/home)" in reported
    assert "choose another DATASYNC_HOME" in reported
    assert not (place / "home").exists()
