"""The embedded PostgreSQL among several users, some of whom die without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from embedded_postgres.places import Places
from embedded_postgres.postmaster import server_process
from embedded_postgres.starting import start_embedded
from tests.integration.embedded_postgres.servers import kill_server, processes

PROJECT = Path(__file__).resolve().parents[3]
# A user in a process of its own: prints the URL, and leaves when its standard input ends.
USER = """
import sys
import tempfile
from pathlib import Path
from embedded_postgres.starting import start_embedded
with start_embedded(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


class User:
    """Started by the constructor, without waiting for the server."""

    def __init__(self, home: Path, *wrapper: str) -> None:
        self._process = subprocess.Popen(
            [*wrapper, sys.executable, "-W", "error", "-c", USER, str(home)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def url(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def leave(self) -> int:
        return self._end(None)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def interrupt_group(self) -> None:
        """What Ctrl-C in a terminal does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def _end(self, number: signal.Signals | None) -> int:
        if number is not None:
            self._process.send_signal(number)
        _, self.errors = self._process.communicate(timeout=60)
        return self._process.returncode


def is_up(home: Path) -> bool:
    return bool(processes(home))


def answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_the_server_stays_until_the_last_user_leaves(home: Path) -> None:
    first, second = User(home), User(home)
    assert first.url() == second.url()

    assert first.leave() == 0
    assert is_up(home)

    assert second.leave() == 0
    assert not is_up(home)


def test_two_uses_in_one_process_count_as_two(home: Path) -> None:
    first, second = start_embedded(home), start_embedded(home)

    first.close()
    assert answers(second.url)

    second.close()
    assert not is_up(home)


def test_many_who_come_first_at_once_make_one_database_and_get_one_server(place: Path) -> None:
    home = place / "home"
    users = [User(home) for _ in range(6)]

    assert len({user.url() for user in users}) == 1
    assert [user.leave() for user in users] == [0] * 6
    assert not is_up(home)


def test_a_killed_user_is_none_any_more_and_the_next_to_leave_stops_the_server(home: Path) -> None:
    killed = User(home)
    url = killed.url()
    killed.kill()
    assert answers(url)
    pid = server_process(Places.below(home).data)

    with start_embedded(home) as server:
        assert server.url == url
        assert server_process(Places.below(home).data) == pid

    assert not is_up(home)


def test_a_user_killed_while_another_stays_leaves_the_server_to_that_one(home: Path) -> None:
    killed, other = User(home), User(home)
    url = killed.url()
    assert other.url() == url

    killed.kill()
    assert answers(url)

    assert other.leave() == 0
    assert not is_up(home)


def test_users_who_come_and_go_never_meet_a_stopping_server(home: Path) -> None:
    for _ in range(5):
        first, second = User(home), User(home)
        assert answers(second.url())
        leaving = first.leave()
        third = User(home)
        assert answers(third.url())
        assert [leaving, second.leave(), third.leave()] == [0, 0, 0]

    assert not is_up(home)


def test_the_terminals_ctrl_c_ends_the_user_but_the_server_ends_in_its_turn(home: Path) -> None:
    user, other = User(home), User(home)
    url = user.url()
    assert other.url() == url

    user.interrupt_group()
    assert user.leave() != 0
    assert answers(url)

    assert other.leave() == 0
    assert not is_up(home)


def test_a_user_leaves_in_peace_when_the_server_has_died(home: Path) -> None:
    user = User(home)
    user.url()
    kill_server(home)

    assert user.leave() == 0, user.errors


def test_a_user_in_another_container_joins_the_server_though_its_process_id_means_nothing_there(home: Path) -> None:
    container = ("unshare", "--pid", "--ipc", "--fork", "--mount-proc", "--kill-child")
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no process namespace can be made here")
    with start_embedded(home) as server:
        connection = psycopg2.connect(server.url)

        contained = User(home, *container)

        assert contained.url() == server.url
        assert contained.leave() == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()

    assert not is_up(home)
