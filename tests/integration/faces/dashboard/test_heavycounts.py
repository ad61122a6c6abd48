"""Heavy counts are seldom, whatever is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.errors import StorageUnavailable
from datasync_spider.faces.dashboard.daily import EventsView
from datasync_spider.faces.dashboard.heavycounts import EventCounter, GroupCounter, Question
from datasync_spider.faces.dashboard.questions import Reader
from datasync_spider.storage.connection import Connection as Session
from tests.integration.faces.dashboard.history import Run, add_events, add_rejected, add_run, clock, set_stream

_T = TypeVar("_T")
DAY = datetime(2024, 3, 10, tzinfo=UTC)


class Bench:
    """A counter over a real database, whose questions are counted and whose clock is set by hand."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        self.reader = Reader(url, "test", timeout_seconds=timeout_seconds)
        self.questions = 0
        self.now = 1000.0
        self.takes_seconds = 0.5
        self.events = EventCounter(self.read, clock=lambda: self.now)
        self.groups = GroupCounter(self.read, clock=lambda: self.now)

    async def read(self, question: Callable[[Session], _T]) -> _T:
        self.questions += 1
        try:
            return await self.reader.read(question)
        finally:
            self.now += self.takes_seconds

    async def counts(self, run_id: int | None = None) -> EventsView:
        view = await self.events.counts(Question(run_id))
        assert view is not None
        return view


def on_bench(url: str, use: Callable[[Bench], Awaitable[None]], timeout_seconds: float = 5.0) -> None:
    async def run() -> None:
        bench = Bench(url, timeout_seconds)
        try:
            await use(bench)
        finally:
            bench.reader.close()

    asyncio.run(run())


def test_a_hundred_who_ask_at_once_are_one_count(database_url: str, writing: Connection) -> None:
    add_events(writing, 20, DAY, 1, ["click"])

    async def use(bench: Bench) -> None:
        views = await asyncio.gather(*(bench.counts() for _ in range(100)))
        assert {view.events for view in views} == {20}
        assert bench.questions == 1

    on_bench(database_url, use)


def test_a_count_holds_for_a_minute(database_url: str, writing: Connection) -> None:
    add_events(writing, 20, DAY, 1, ["click"])

    async def use(bench: Bench) -> None:
        first = await bench.counts()
        add_events(writing, 5, DAY, 1, ["click"])
        bench.now += 59
        assert await bench.counts() is first
        bench.now += 2
        assert (await bench.counts()).events == 25
        assert bench.questions == 2

    on_bench(database_url, use)


def test_after_a_count_all_counts_rest_nine_times_as_long(database_url: str, writing: Connection) -> None:
    runs = [add_run(writing, Run("events", clock(writing))) for _ in range(5)]

    async def use(bench: Bench) -> None:
        await bench.counts()
        for run_id in runs:
            paced = await bench.counts(run_id)
            assert paced.status == "paced"
            assert paced.again_in_seconds == 4.5
        bench.now += 4.5
        assert (await bench.counts(runs[0])).status == "ready"
        assert bench.questions == 2

    on_bench(database_url, use)


def test_a_count_that_fails_rests_too(database_url: str) -> None:
    async def use(bench: Bench) -> None:
        assert await bench.events.counts(Question(4711)) is None
        assert (await bench.counts()).status == "paced"

    on_bench(database_url, use)


def test_a_count_that_takes_too_long_is_given_up_and_said_so(database_url: str) -> None:
    locking = psycopg2.connect(database_url)
    with locking.cursor() as cursor:
        cursor.execute("LOCK TABLE ingested_events IN ACCESS EXCLUSIVE MODE")

    async def use(bench: Bench) -> None:
        assert (await bench.counts()).status == "timed_out"
        bench.now += 30
        assert (await bench.counts()).status == "timed_out"
        assert bench.questions == 1
        locking.rollback()
        bench.now += 40
        assert (await bench.counts()).status == "ready"

    try:
        on_bench(database_url, use, timeout_seconds=0.2)
    finally:
        locking.close()


def test_the_events_of_a_run_are_those_stored_while_it_ran(database_url: str, writing: Connection) -> None:
    add_events(writing, 30, DAY, 1, ["before"])
    started = clock(writing)
    add_events(writing, 20, DAY, 1, ["during"])
    run_id = add_run(writing, Run("events", started, "complete", "last_page", ended_at=clock(writing)))
    add_events(writing, 10, DAY, 1, ["after"])

    async def use(bench: Bench) -> None:
        view = await bench.counts(run_id)
        assert [(type_.name, type_.events) for type_ in view.types] == [("during", 20)]

    on_bench(database_url, use)


def test_a_grouping_that_took_long_or_failed_rests_as_counts_do(database_url: str, writing: Connection) -> None:
    run_id = add_run(writing, Run("events", clock(writing)))
    locking = psycopg2.connect(database_url)
    with locking.cursor() as cursor:
        cursor.execute("LOCK TABLE rejected_events IN ACCESS EXCLUSIVE MODE")

    async def use(bench: Bench) -> None:
        bench.takes_seconds = 4.0
        for _ in range(5):
            with pytest.raises(StorageUnavailable):
                await bench.groups.groups()
            bench.now += 6
        assert bench.questions == 1
        locking.rollback()
        bench.now += 6
        assert (await bench.groups.groups()).groups == []
        add_rejected(writing, run_id, "events", "no_id", b"1")
        bench.now += 35
        assert (await bench.groups.groups()).groups == []
        bench.now += 2
        assert len((await bench.groups.groups()).groups) == 1

    try:
        on_bench(database_url, use, timeout_seconds=0.2)
    finally:
        locking.close()


def test_a_share_of_the_table_is_scaled_to_what_the_totals_say(database_url: str, writing: Connection) -> None:
    add_events(writing, 20_000, DAY, 5, ["click", "view"])
    set_stream(writing, "events", total_ingested=20_000)

    async def use(bench: Bench) -> None:
        bench.events = EventCounter(bench.read, most_bytes=1024 * 1024, clock=lambda: bench.now)
        view = await bench.counts()
        assert view.percent < 100
        assert view.events == 20_000
        assert sum(type_.events for type_ in view.types) == pytest.approx(20_000, abs=2)

    on_bench(database_url, use)


def test_dead_letters_are_grouped_once_in_a_while(database_url: str, writing: Connection) -> None:
    run_id = add_run(writing, Run("events", clock(writing)))
    add_rejected(writing, run_id, "events", "no_id", b"1")

    async def use(bench: Bench) -> None:
        reported = await asyncio.gather(*(bench.groups.groups() for _ in range(20)))
        assert {group.groups[0].events for group in reported} == {1}
        add_rejected(writing, run_id, "events", "no_id", b"2")
        bench.now += 10
        assert (await bench.groups.groups()).groups[0].events == 1
        bench.now += 6
        assert (await bench.groups.groups()).groups[0].events == 2
        assert bench.questions == 2

    on_bench(database_url, use)
