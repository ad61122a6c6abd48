"""Pages on their way to the database: in order, whether they go through a thread or not, and none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from datasync_spider.errors import DatasyncError, PageLost
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.writer import Writer
from datasync_spider.sync.outcome import Outcome
from datasync_spider.sync.services import Services
from datasync_spider.sync.writers import Writers, WriterSettings
from datasync_spider.sync.writing import PageBuffer, Writing
from tests.support.database import value
from tests.support.pages import page
from tests.support.runs import no_totals, open_test_run

LARGE, SMALL = 1_000_000, 1_000


def sized(number: int, body_bytes: int) -> EventPage:
    made = page(number, [f"{number}-{place}" for place in range(3)])
    made.body_bytes = body_bytes
    return made


class Run:
    """Writes pages of one run to a real database; ``batch_rows`` is more than any test has."""

    def __init__(self, url: str, batch_rows: int = 1_000_000) -> None:
        self.pages: list[int] = []
        self.failures: list[DatasyncError] = []
        self.outcome = Outcome()
        run = open_test_run(url)
        services = Services(url, 8)
        writers = Writers(services, WriterSettings(2, 5.0), Writer(run), no_totals)
        self.writing = Writing(
            services, writers, batch_rows, self.outcome, self._committed, self._failed, lambda buffer, writing: None
        )

    def _committed(self, batch: Batch, committed: Committed) -> None:
        self.pages += [one.page.number for one in batch.pages]

    def _failed(self, error: DatasyncError, cause: BaseException | None) -> None:
        self.failures.append(error)
        self.outcome.fail(error)

    async def end(self) -> None:
        self.outcome.close()
        await asyncio.wait_for(self.writing.finish(lambda: None), 30)
        self.writing.close()


def write(url: str, act: Callable[[Run], Awaitable[Any]], batch_rows: int = 1_000_000) -> Run:
    """The run, when all that the act has stored is written."""

    async def run() -> Run:
        writing = Run(url, batch_rows)
        try:
            await asyncio.wait_for(act(writing), 30)
        finally:
            await writing.end()
        return writing

    return asyncio.run(run())


def test_pages_are_committed_in_order_whatever_their_sizes_and_the_order_in_which_they_come(database_url: str) -> None:
    sizes = {1: SMALL, 2: LARGE, 3: SMALL, 4: SMALL, 5: LARGE, 6: SMALL}

    async def act(run: Run) -> None:
        coming = [run.writing.store(sized(number, sizes[number])) for number in (2, 1, 4, 6, 3, 5)]
        await asyncio.gather(*coming)

    for_each = write(database_url, act, batch_rows=3)
    assert for_each.pages == [1, 2, 3, 4, 5, 6]
    assert for_each.failures == []
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 18


def test_a_page_that_an_earlier_one_is_missing_for_waits_and_is_named(database_url: str) -> None:
    async def act(run: Run) -> None:
        early = asyncio.ensure_future(run.writing.store(sized(2, SMALL)))
        await asyncio.sleep(0)
        assert run.writing.is_waited_for(1)
        assert not run.writing.is_waited_for(2)
        run.outcome.close()
        run.writing.look_again()
        await early

    run = write(database_url, act)
    assert run.writing.stranded == [2]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0


def test_the_end_comes_with_the_last_commit_and_not_with_the_next_look(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_LOOK_AGAIN_SECONDS", "FLUSH_AFTER_SECONDS"):
        monkeypatch.setattr(f"datasync_spider.sync.writing.{name}", 3_600.0)

    async def act(run: Run) -> None:
        await run.writing.store(sized(1, SMALL))

    assert write(database_url, act).pages == [1]


def test_what_is_waited_for_is_not_kept_for_a_fuller_batch(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasync_spider.sync.writing.FLUSH_AFTER_SECONDS", 3_600.0)

    async def act(run: Run) -> None:
        with run.writing.hurried():
            for number in (1, 2):
                await run.writing.store(sized(number, LARGE))
                await run.writing.wait_for(lambda number=number: run.writing.committed_page == number)  # type: ignore[misc]
        await run.writing.store(sized(3, LARGE))
        await run.writing.wait_for(lambda: run.writing.buffer.pages == 1)

    assert write(database_url, act).pages == [1, 2, 3]


def test_a_large_page_does_not_keep_the_event_loop(database_url: str) -> None:
    async def act(run: Run) -> None:
        await run.writing.store(sized(1, LARGE))
        await asyncio.sleep(0)
        assert run.writing.buffer.pages == 0
        await run.writing.wait_for(lambda: run.writing.buffer.pages == 1)

    assert write(database_url, act).pages == [1]


def test_bodies_that_wait_take_up_room_until_they_are_prepared(database_url: str) -> None:
    async def act(run: Run) -> None:
        coming = [asyncio.ensure_future(run.writing.store(sized(number, LARGE))) for number in range(1, 7)]
        await asyncio.sleep(0)
        assert [one.done() for one in coming] == [True] * 5 + [False]
        await asyncio.gather(*coming)

    assert write(database_url, act).pages == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("body_bytes", [SMALL, LARGE])
def test_a_page_that_cannot_be_prepared_is_reported_and_none_after_it_is_written(
    database_url: str, body_bytes: int
) -> None:
    async def act(run: Run) -> None:
        broken = sized(2, body_bytes)
        broken.events = None  # type: ignore[assignment] # what a user's pipeline might do
        await run.writing.store(sized(1, body_bytes))
        run.writing.flush()
        await run.writing.wait_for(lambda: run.pages == [1])
        await asyncio.gather(run.writing.store(broken), run.writing.store(sized(3, body_bytes)))
        await run.writing.wait_for(lambda: bool(run.failures))

    run = write(database_url, act)
    assert [type(error) for error in run.failures] == [PageLost]
    assert run.pages == [1]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 3


def test_what_waits_leaves_by_itself_although_no_batch_is_full(database_url: str) -> None:
    async def act(run: Run) -> None:
        await run.writing.store(sized(1, SMALL))
        await run.writing.wait_for(lambda: run.pages == [1])

    assert write(database_url, act).pages == [1]


def test_a_bug_in_the_writing_ends_the_run_and_keeps_no_one_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(PageBuffer, "take", broken)

    async def act(run: Run) -> None:
        # An earlier failure that leaves what was fetched to be written.
        run.outcome.fail(DatasyncError("the API is gone"))
        await run.writing.store(sized(1, SMALL))
        await run.writing.wait_for(lambda: bool(run.failures))

    run = write(database_url, act)
    assert [str(error) for error in run.failures] == ["writing failed: ValueError: a bug"]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0
