"""What a client that died without a word leaves behind in the server, and for how long.

Only a connection over TCP can die so, and the other tests' server has none: here is one that listens on loopback.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2 import extensions

from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import migrate
from datasync_spider.storage.retrying import patiently
from embedded_postgres.account import give, run_as, unprivileged_account
from embedded_postgres.binaries import environment, program, run
from tests.support.pages import page
from tests.support.runs import RunWriter, no_totals, open_test_run


@pytest.fixture
def tcp_database_url() -> Iterator[str]:
    """A migrated database on a server of its own, over TCP."""
    with tempfile.TemporaryDirectory(prefix="datasync-tcp-") as place:
        folder = Path(place)
        account = unprivileged_account() if folder.stat().st_uid == 0 else None
        give(folder, account)
        data = folder / "data"
        arguments = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata", str(data)]
        assert run("initdb", arguments, account, folder).returncode == 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [
                *(program("postgres"), "-D", data, "-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"),
                *("-c", "unix_socket_directories=", "-c", "logging_collector=off"),
            ],
            cwd=folder,
            env=environment(),
            stderr=subprocess.DEVNULL,
            **run_as(account),
        )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            patiently(lambda: _migrate(url))
            yield url
        finally:
            server.terminate()
            server.wait()


def _migrate(url: str) -> None:
    with connected(url) as connection:
        migrate(connection)


def _watch(writer: RunWriter) -> tuple[str, ...]:
    """How the server watches this connection: as the kernel has it, not as it was asked for."""
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    # A plain cursor, since one of ours would begin a transaction with our settings.
    with extensions.connection.cursor(writer.connection, cursor_factory=extensions.cursor) as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        row = cursor.fetchone()
        assert row is not None
        return tuple(row)


def test_the_server_notices_within_half_a_minute_that_a_writer_is_gone_and_lets_go_of_its_keys(
    tcp_database_url: str,
) -> None:
    writer = RunWriter(tcp_database_url, open_test_run(tcp_database_url))
    watched: list[tuple[str, ...]] = []
    try:
        before = _watch(writer)
        writer.connection.rollback()
        writer.writer.write(
            writer.connection,
            writer.batch(page(1, ["a"])),
            lambda: watched.append(_watch(writer)),
            no_totals,
        )
        idle, interval, count = map(int, watched[0])
        assert idle + interval * count <= 30
        assert before != watched[0]
        # A pooler must not hand the setting on.
        assert _watch(writer) == before
    finally:
        writer.connection.close()
