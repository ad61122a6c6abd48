"""The connections of a process: few, whoever wants one, and the urgent first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.pool import Pool, Use
from tests.support.database import value
from tests.support.limitedrole import LimitedRole
from tests.support.waiting import eventually


def ask(connection: Connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone() or (0,)
    return int(pid)


def test_so_many_are_enough_for_any_number_of_threads(database_url: str, role: LimitedRole) -> None:
    role.limit(4)
    pool, together = Pool(role.url, 4), threading.Barrier(20)

    def work(_: int) -> int:
        together.wait(30)
        pids = []
        for use in (Use.ASKING, Use.WAITING, Use.LEASES, Use.ASKING):
            with pool.connected(use) as connection:
                pids.append(ask(connection))
        return len(pids)

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(work, range(20))) == 80
    pool.close()
    eventually(lambda: role.doing() == [], what="all to be closed")


@pytest.mark.parametrize(("most", "shares"), [(8, (8, 7, 6, 5, 4)), (4, (4, 3, 2, 1, 1)), (3, (3, 3, 2, 1, 1))])
def test_what_is_less_urgent_leaves_some_for_what_is_more(
    database_url: str, most: int, shares: tuple[int, ...]
) -> None:
    assert tuple(use.share(most) for use in Use) == shares
    pool, taken = Pool(database_url, most), 0
    for use, share in sorted(zip(Use, shares, strict=True), reverse=True):
        while taken < share:
            pool.take(use, wait_seconds=0.0)
            taken += 1
        with pytest.raises(StorageUnavailable, match=f"DATABASE_CONNECTIONS is {most}"):
            pool.take(use, wait_seconds=0.0)


def test_of_those_who_wait_the_most_urgent_is_first_and_then_who_came_first(database_url: str) -> None:
    pool = Pool(database_url, 3)
    held = [pool.take(Use.LOOKING_ON) for _ in range(3)]
    served: list[str] = []

    def wait(name: str, use: Use) -> None:
        with pool.connected(use):
            served.append(name)

    waiting: list[threading.Thread] = []
    uses = {"writes": Use.WRITING, "asks": Use.ASKING, "asks too": Use.ASKING, "leases": Use.LEASES}
    for number, (name, use) in enumerate(uses.items(), 1):
        waiting.append(threading.Thread(target=wait, args=(name, use)))
        waiting[-1].start()
        eventually(lambda number=number: len(pool._waiting) == number, what=name)  # type: ignore[misc]
    for line, count in zip(held, (1, 3, 4), strict=True):
        pool.give_back(line)
        eventually(lambda count=count: len(served) == count, what=f"the next ones: {served}")  # type: ignore[misc]
    for thread in waiting:
        thread.join(30)
    assert served == ["leases", "asks", "asks too", "writes"]


def test_a_server_that_gives_fewer_is_gone_on_with(
    database_url: str, role: LimitedRole, caplog: pytest.LogCaptureFixture
) -> None:
    role.limit(1)
    pool = Pool(role.url, 8)
    pids: set[int] = set()

    def work(_: int) -> None:
        for _ in range(5):
            with pool.connected() as connection:
                pids.add(ask(connection))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert len(pids) == 1
    assert caplog.text.count("a further connection is refused") == 1
    # Who has none to wait for hears of it at once.
    with closing(psycopg2.connect(database_url)), pool.connected():
        other = Pool(role.url, 8)
        with pytest.raises(StorageUnavailable, match="too many connections"):
            other.take(Use.ASKING)


def test_what_the_server_has_ended_while_it_was_idle_is_not_lent(database_url: str, role: LimitedRole) -> None:
    pool = Pool(role.url, 8)
    lines = [pool.take(Use.ASKING) for _ in range(3)]
    for line in lines:
        pool.give_back(line)
    for pid, _, _ in role.doing():
        role.end(pid)
    for _ in range(3):
        with pool.connected() as connection:
            assert ask(connection)


def test_one_that_breaks_takes_the_idle_ones_along_and_what_is_left_of_it_is_ended_before_another_is_lent(
    database_url: str, role: LimitedRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr("datasync_spider.storage.pool.end_lost_backends", lambda connection, label: ended.append(label))
    pool = Pool(role.url, 8)
    lines = [pool.take(Use.ASKING) for _ in range(3)]
    pool.give_back(lines[1])
    pool.give_back(lines[2])
    with lines[0].connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        pool.hang_up(lines[0])
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1")
    pool.give_back(lines[0])
    eventually(lambda: role.doing() == [], what="all to be closed")
    with pool.connected(), pool.connected():
        assert ended == [lines[0].label]


def test_idle_ones_beyond_a_few_are_closed_after_a_while(
    database_url: str, role: LimitedRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(role.url, 8)
    for line in [pool.take(Use.ASKING) for _ in range(5)]:
        pool.give_back(line)
    assert len(role.doing()) == 5
    monkeypatch.setattr("datasync_spider.storage.pool._IDLE_SECONDS", 0.0)
    with pool.connected():
        pass
    eventually(lambda: len(role.doing()) == 2, what="the others to be closed")


def test_whoever_hangs_is_hung_up_on_and_what_was_given_back_is_not(database_url: str, role: LimitedRole) -> None:
    pool = Pool(role.url, 8)
    given_back = pool.take(Use.ASKING)
    pool.give_back(given_back)
    line = pool.take(Use.ASKING)
    pool.hang_up(given_back)
    failed: list[BaseException] = []

    def sleep() -> None:
        try:
            with line.connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(600)")
        except psycopg2.Error as error:
            failed.append(error)

    thread = threading.Thread(target=sleep)
    thread.start()
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND wait_event = 'PgSleep'"
    eventually(lambda: value(database_url, asleep, (role.name,)) == 1, what="the sleep")
    pool.hang_up(line)
    thread.join(30)
    assert failed
    pool.give_back(line)


def test_there_is_room_for_one_that_someone_else_opens(database_url: str, role: LimitedRole) -> None:
    role.limit(3)
    pool = Pool(role.url, 3)
    for line in [pool.take(Use.LOOKING_ON) for _ in range(3)]:
        pool.give_back(line)

    def connects() -> bool:
        # The server may not have noticed yet that one was closed.
        try:
            psycopg2.connect(role.url).close()
        except psycopg2.OperationalError:
            return False
        return True

    with pool.place():
        held = [pool.take(Use.LOOKING_ON) for _ in range(2)]
        with pytest.raises(StorageUnavailable, match="3 are in use"):
            pool.take(Use.LOOKING_ON, wait_seconds=0.0)
        eventually(connects, what="room for another one")
    for line in held:
        pool.give_back(line)


def test_a_wait_ends_where_it_is_given_up(database_url: str) -> None:
    pool, given_up = Pool(database_url, 3), threading.Event()
    held = [pool.take(Use.LOOKING_ON) for _ in range(3)]
    outcome: list[str] = []

    def wait() -> None:
        try:
            pool.take(Use.WRITING, wait_seconds=None, is_given_up=given_up.is_set)
        except StorageUnavailable as error:
            outcome.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: pool._waiting != [], what="the wait")
    given_up.set()
    pool.look_again()
    thread.join(30)
    assert outcome == ["no connection was free before it was given up"]
    for line in held:
        pool.give_back(line)
    pool.close()
