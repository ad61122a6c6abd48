"""Curves from a real ledger: what is drawn is what is there, and no page is read twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.faces.dashboard import curves as ledger_module
from datasync_spider.faces.dashboard.curves import Ledger
from datasync_spider.faces.dashboard.questions import Reader
from datasync_spider.faces.dashboard.series import MOST_POINTS, SeriesView
from datasync_spider.storage.connection import Connection as Session
from tests.integration.faces.dashboard.history import Page, Run, add_pages, add_run, clock
from tests.support.database import execute_outside, rows

_T = TypeVar("_T")


def with_ledger(url: str, use: Callable[[Ledger], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        reader = Reader(url, "test", timeout_seconds=30)
        try:
            return await use(Ledger(reader.read))
        finally:
            reader.close()

    return asyncio.run(run())


async def drawn(ledger: Ledger, run_id: int) -> SeriesView:
    view = await ledger.series(run_id)
    assert view is not None
    return view


@pytest.fixture
def always_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "_FRESH_SECONDS", -1.0)


def ended(connection: Connection, pages: list[Page], seconds: float) -> Run:
    started = clock(connection) - timedelta(seconds=seconds)
    return Run("events", started, "complete", "last_page", ended_at=clock(connection), pages=pages)


def test_curves_are_the_sums_of_the_ledger(database_url: str, writing: Connection) -> None:
    pages = [
        Page(n * 1.7, inserted=n, duplicates=2, rejected=n % 3, fetch_ms=100 + n, waited_ms=n * 10, attempts=1 + n % 2)
        for n in range(1, 400)
    ]
    run_id = add_run(writing, ended(writing, pages, 700))
    view = with_ledger(database_url, lambda ledger: drawn(ledger, run_id))
    assert view.width_seconds == 2
    assert view.pages == 399
    reported = rows(
        database_url,
        """SELECT floor(extract(epoch FROM p.committed_at - r.started_at) / 2)::int, sum(p.inserted), sum(p.duplicates),
                  sum(p.rejected), avg(p.fetch_ms), max(p.fetch_ms), sum(p.waited_ms), sum(p.attempts - 1)
           FROM ingestion_pages p JOIN ingestion_runs r USING (run_id) GROUP BY 1 ORDER BY 1""",
    )
    for bucket, inserted, duplicates, rejected, fetch_mean, fetch_max, _, retries in reported:
        assert view.inserted_per_second[bucket] == float(inserted) / 2
        assert view.duplicates_per_second[bucket] == float(duplicates) / 2
        assert view.rejected_per_second[bucket] == float(rejected) / 2
        assert view.fetch_mean_ms[bucket] == pytest.approx(float(fetch_mean), abs=0.1)
        assert view.fetch_max_ms[bucket] == fetch_max
        assert view.retries[bucket] == retries
    # A wait lies before the commit that it was recorded with.
    waited_ms = sum(row[6] for row in reported)
    assert sum(view.waited_seconds) == pytest.approx(float(waited_ms) / 1000)
    empty = set(range(len(view.time))) - {bucket for bucket, *_ in reported}
    assert all(view.fetch_mean_ms[bucket] is None and view.inserted_per_second[bucket] == 0 for bucket in empty)


def test_a_long_run_is_drawn_with_few_points(database_url: str, writing: Connection) -> None:
    pages = [Page(n * 60.0) for n in range(5_000)]
    run_id = add_run(writing, ended(writing, pages, 5_000 * 60))
    view = with_ledger(database_url, lambda ledger: drawn(ledger, run_id))
    assert len(view.time) <= MOST_POINTS + 1
    assert view.pages == 5_000


@pytest.mark.usefixtures("always_ask")
def test_what_was_read_is_kept_and_only_new_pages_are_read(database_url: str, writing: Connection) -> None:
    run = Run("events", clock(writing) - timedelta(seconds=400), pages=[Page(n, inserted=10) for n in range(300)])
    run_id = add_run(writing, run)

    async def look(ledger: Ledger) -> tuple[SeriesView, SeriesView]:
        before = await drawn(ledger, run_id)
        # Were they asked for again, their loss would show.
        execute_outside(database_url, "DELETE FROM ingestion_pages")
        add_pages(writing, run_id, run, 301, [Page(300, inserted=700)])
        execute_outside(database_url, "UPDATE ingestion_runs SET pages = 301")
        return before, await drawn(ledger, run_id)

    before, after = with_ledger(database_url, look)
    assert (before.pages, after.pages) == (300, 301)
    assert after.inserted_per_second[:300] == before.inserted_per_second[:300] == [10] * 300
    assert after.inserted_per_second[300] == 700


@pytest.mark.usefixtures("always_ask")
def test_a_run_that_grows_long_gets_wider_points_without_being_read_again(
    database_url: str, writing: Connection
) -> None:
    started = clock(writing) - timedelta(seconds=490)
    run_id = add_run(writing, Run("events", started, pages=[Page(n, inserted=4) for n in range(490)]))

    async def look(ledger: Ledger) -> tuple[SeriesView, SeriesView]:
        narrow = await drawn(ledger, run_id)
        execute_outside(database_url, "DELETE FROM ingestion_pages")
        execute_outside(
            database_url,
            "UPDATE ingestion_runs SET started_at = started_at, ended_at = started_at + INTERVAL '1000 s'",
        )
        return narrow, await drawn(ledger, run_id)

    narrow, wide = with_ledger(database_url, look)
    assert (narrow.width_seconds, wide.width_seconds) == (1, 2)
    assert wide.inserted_per_second[:245] == [4] * 245
    assert wide.pages == 490


def test_many_who_look_at_once_are_one_question(database_url: str, writing: Connection) -> None:
    run_id = add_run(writing, ended(writing, [Page(1)], 10))
    questions = 0

    async def run() -> None:
        reader = Reader(database_url, "test", timeout_seconds=30)

        def read(question: Callable[[Session], _T]) -> Awaitable[_T]:
            nonlocal questions
            questions += 1
            return reader.read(question)

        ledger = Ledger(read)
        await asyncio.gather(*(ledger.series(run_id) for _ in range(50)))
        reader.close()

    asyncio.run(run())
    assert questions == 1


def test_a_run_that_is_not_there_has_no_curves(database_url: str) -> None:
    assert with_ledger(database_url, lambda ledger: ledger.series(4711)) is None
