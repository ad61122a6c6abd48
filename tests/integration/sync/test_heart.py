"""One heart for all runs of a process: each lease lives on, and each run hears of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import psycopg2
import pytest

from datasync_spider.errors import FencedOff
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.runs import OpenRun
from datasync_spider.sync.heart import Heart, Pulse
from datasync_spider.sync.services import Services
from tests.support.database import rows, value
from tests.support.limitedrole import LimitedRole
from tests.support.runs import open_test_run
from tests.support.waiting import eventually

TTL_MS = 900
ALIVE = "SELECT count(*) FROM ingestion_state WHERE lease_expires_at > now()"


class Heard:
    """What a run is told."""

    def __init__(self, run: OpenRun) -> None:
        self.run = run
        self.beats = 0
        self.fenced: list[FencedOff] = []
        self.pulse = Pulse(run, lambda: (0, 0), self.fenced.append, self._learned)

    def _learned(self, closed: Closed, age_seconds: float) -> None:
        self.beats += 1


async def until(is_so: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(eventually, is_so, what=what)


def keep(url: str, names: list[str], act: Callable[[Heart, list[Heard]], Awaitable[None]]) -> list[Heard]:
    heard = [Heard(open_test_run(url, name, lease_ttl_ms=TTL_MS)) for name in names]

    async def keep_them() -> None:
        services = Services(url, 3)
        for one in heard:
            services.heart.begin(one.pulse)
        await act(services.heart, heard)
        for one in heard:
            services.heart.end(one.run)
        services.close()

    asyncio.run(keep_them())
    return heard


def test_the_leases_of_all_live_on_and_one_that_has_ended_is_not_renewed(database_url: str) -> None:
    async def act(heart: Heart, heard: list[Heard]) -> None:
        heart.end(heard[0].run)
        await until(lambda: all(one.beats >= 6 for one in heard[1:]), "six beats")
        assert value(database_url, ALIVE) == 4

    first, *others = keep(database_url, list("abcde"), act)
    assert first.beats == 0
    # All at once, though they began one after the other.
    assert {one.beats for one in others} <= {others[0].beats, others[0].beats + 1}


def test_one_that_is_taken_over_is_fenced_off_once_and_the_others_go_on(database_url: str) -> None:
    async def act(heart: Heart, heard: list[Heard]) -> None:
        await asyncio.to_thread(open_test_run, database_url, "b")
        await until(lambda: bool(heard[1].fenced), "the fence")
        count = heard[0].beats
        await until(lambda: heard[0].beats >= count + 3 and heard[2].beats >= count + 3, "beats of the others")

    heard = keep(database_url, list("abc"), act)
    assert [len(one.fenced) for one in heard] == [0, 1, 0]


def test_one_whose_row_someone_has_is_renewed_as_soon_as_it_is_free_and_the_others_meanwhile(
    database_url: str,
) -> None:
    async def act(heart: Heart, heard: list[Heard]) -> None:
        with closing(psycopg2.connect(database_url)) as someone, someone.cursor() as cursor:
            cursor.execute("SELECT FROM ingestion_state WHERE id = %s FOR UPDATE", (heard[0].run.slice.slice_id,))
            await until(lambda: heard[1].beats >= 9, "three lives of a lease")
            expired = rows(database_url, "SELECT stream FROM ingestion_state WHERE lease_expires_at < now()")
            assert expired == [("a",)]
            someone.rollback()
        await until(lambda: value(database_url, ALIVE) == 3, "the lease to be renewed")

    heard = keep(database_url, list("abc"), act)
    assert [one.fenced for one in heard] == [[], [], []]


def test_a_connection_that_is_lost_or_hangs_costs_a_beat_and_no_run(
    database_url: str, role: LimitedRole, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(heart: Heart, heard: list[Heard]) -> None:
        await until(lambda: heard[0].beats > 0, "a beat")
        for pid, _, _ in role.doing():
            await asyncio.to_thread(role.end, pid)
        with closing(psycopg2.connect(database_url)) as someone, someone.cursor() as cursor:
            cursor.execute("LOCK TABLE ingestion_state IN ACCESS EXCLUSIVE MODE")
            await until(lambda: "could not be renewed" in caplog.text, "a beat that hangs")
            someone.rollback()
        count = heard[0].beats
        await until(lambda: heard[0].beats > count + 1, "beats again")

    keep(role.url, ["a"], act)
    assert caplog.text.count("could not be renewed") == 1
