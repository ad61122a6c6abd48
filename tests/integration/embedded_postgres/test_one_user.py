"""The embedded PostgreSQL in the life of one user: what it is, and that it keeps what was committed."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg2
import pytest

from embedded_postgres.places import Places
from embedded_postgres.postmaster import server_process
from embedded_postgres.starting import EmbeddedPostgres, psql_path, start_embedded
from tests.integration.embedded_postgres.servers import kill_server, processes
from tests.support.database import execute_outside, rows
from tests.support.waiting import eventually


def postmaster(home: Path) -> psutil.Process:
    process = server_process(Places.below(home).data)
    assert process is not None
    return process


def socket_directory(server: EmbeddedPostgres) -> Path:
    return Path(parse_qs(urlsplit(server.url).query)["host"][0])


def test_the_first_start_makes_a_postgresql_18_with_an_empty_database_in_utf8(place: Path) -> None:
    with start_embedded(place / "home") as server:
        [(version, database, encoding, checksums)] = rows(
            server.url,
            "SELECT current_setting('server_version_num')::int / 10000, current_database(),"
            " current_setting('server_encoding'), current_setting('data_checksums')",
        )
        tables = rows(server.url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")

    assert (version, database, encoding, checksums) == (18, "datasync", "UTF8", "on")
    assert tables == [(0,)]


def test_what_is_committed_survives_a_power_cut_by_its_settings(home: Path) -> None:
    with start_embedded(home) as server:
        settings = [rows(server.url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]

    assert settings == [[("on",)]] * 3


def test_it_listens_on_a_private_socket_and_on_nothing_else(home: Path) -> None:
    with start_embedded(home) as server:
        directory = socket_directory(server)
        listening = [c for c in postmaster(home).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        mode = stat.S_IMODE(directory.stat().st_mode)

    assert directory == home / "postgres" / "socket"
    assert mode == 0o700
    assert listening == []


def test_none_of_our_variables_reach_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASYNC_API_KEY", "ds_live")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")

    with start_embedded(home) as server:
        environment = postmaster(home).environ()
        assert rows(server.url, "SELECT 1") == [(1,)]

    assert not {"DATASYNC_API_KEY", "PGPORT", "PGDATA"} & {name for name in environment if environment[name]}


def test_closing_ends_the_server_and_may_be_repeated(home: Path) -> None:
    server = start_embedded(home)

    server.close()
    server.close()

    assert processes(home) == []
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(server.url)


def test_what_is_committed_is_there_the_next_time(home: Path) -> None:
    with start_embedded(home) as server:
        execute_outside(server.url, "CREATE TABLE kept AS SELECT 7 AS number")

    with start_embedded(home) as server:
        assert rows(server.url, "SELECT number FROM kept") == [(7,)]


def test_what_is_committed_is_there_after_the_server_was_killed(home: Path) -> None:
    with start_embedded(home) as server:
        execute_outside(server.url, "CREATE TABLE kept AS SELECT 7 AS number")
        kill_server(home)

    assert Places.below(home).data.joinpath("postmaster.pid").exists()
    with start_embedded(home) as server:
        assert rows(server.url, "SELECT number FROM kept") == [(7,)]


def test_backends_that_outlive_their_postmaster_do_not_keep_a_new_server_from_starting(home: Path) -> None:
    first = start_embedded(home)
    connection = psycopg2.connect(first.url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchall()[0][0])
    # Stopped, it cannot notice that its postmaster is gone.
    backend.suspend()
    postmaster(home).kill()
    eventually(lambda: server_process(Places.below(home).data) is None, what="the end of the postmaster")

    with start_embedded(home) as second:
        assert rows(second.url, "SELECT 1") == [(1,)]
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
        connection.close()
        first.close()
        assert rows(second.url, "SELECT 1") == [(1,)]

    assert processes(home) == []


def test_a_stale_pid_file_that_names_a_living_stranger_of_the_same_account_is_not_believed(home: Path) -> None:
    with start_embedded(home) as server:
        execute_outside(server.url, "CREATE TABLE kept AS SELECT 7 AS number")
        account = postmaster(home).uids().effective
        kill_server(home)
    pid_file = Places.below(home).data / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "60"], user=account)
    lines = pid_file.read_text(encoding="utf-8").splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n", encoding="utf-8")

    try:
        with start_embedded(home) as server:
            assert rows(server.url, "SELECT number FROM kept") == [(7,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_home_whose_path_is_too_long_for_a_socket_gets_a_short_private_directory(place: Path) -> None:
    home = place / ("long" * 20) / "home, with a comma"

    with start_embedded(home) as server:
        directory = socket_directory(server)
        status = directory.stat()
        assert rows(server.url, "SELECT 1") == [(1,)]
        with start_embedded(home) as other:
            assert other.url == server.url

    assert len(str(directory)) < 90
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert not directory.exists()


def test_a_home_may_have_any_name(place: Path) -> None:
    home = place / 'it\'s $HOME & "more" ü'

    with start_embedded(home) as server:
        assert rows(server.url, "SELECT 1") == [(1,)]
    with start_embedded(home) as server:
        assert rows(server.url, "SELECT 1") == [(1,)]


def test_a_relative_home_and_a_symbolic_link_to_it_are_the_same_database(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "link").symlink_to(place / "home")
    (place / "home").mkdir()
    monkeypatch.chdir(place)

    with start_embedded(Path("home")) as one, start_embedded(place / "link") as other:
        assert one.url == other.url


def test_the_server_does_not_hear_the_terminals_ctrl_c(home: Path) -> None:
    with start_embedded(home):
        pid = postmaster(home).pid
        assert os.getpgid(pid) != os.getpgid(0)
        assert os.getsid(pid) != os.getsid(0)


def test_a_large_log_is_turned_over_at_the_next_start(home: Path) -> None:
    start_embedded(home).close()
    log = home / "postgres" / "server.log"
    with log.open("ab") as stream:
        stream.truncate(17 * 1024 * 1024)

    start_embedded(home).close()

    assert log.stat().st_size < 100_000
    assert log.with_name("server.log.1").stat().st_size > 16 * 1024 * 1024


def test_the_bundled_client_speaks_to_it(home: Path) -> None:
    with start_embedded(home) as server:
        done = subprocess.run(
            [psql_path(), "--no-psqlrc", "-At", "-c", "SELECT 6 * 7", server.url],
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout == "42\n"


def test_closing_waits_for_a_statement_no_longer_than_it_must(home: Path) -> None:
    server = start_embedded(home)
    connection = psycopg2.connect(server.url)
    reader, writer = socket.socketpair()
    with reader, writer, connection.cursor() as cursor:
        cursor.execute("BEGIN; CREATE TABLE never (a int)")
        server.close()
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("COMMIT")
    connection.close()

    eventually(lambda: processes(home) == [], what="the end of the server")
