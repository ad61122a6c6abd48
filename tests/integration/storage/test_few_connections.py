"""Several writers, and a server that has fewer connections for them: a role's limit, as PostgreSQL keeps it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count

import psycopg2
import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.writer import Writer
from datasync_spider.sync.services import Services
from datasync_spider.sync.writers import Writers, WriterSettings
from tests.support.database import rows, value
from tests.support.limitedrole import LimitedRole
from tests.support.pages import page
from tests.support.runs import no_totals, open_test_run
from tests.support.waiting import eventually

WRITERS = 3
# Less than a batch waits for its turn before it gives way by itself.
BUDGET_SECONDS = 12.0
REFUSED = "a further connection is refused"


class Crew:
    """A run's writers, on the role's connections; ``services``: those that it shares with others."""

    def __init__(self, run: OpenRun, role: LimitedRole, services: Services | None = None) -> None:
        self.retries: list[str] = []
        self.attempts: list[int] = []
        self.on_retry: Callable[[], None] = lambda: None
        self._preparer = Preparer()
        self._numbers = count(1)
        settings = WriterSettings(WRITERS, BUDGET_SECONDS)
        services = services or Services(role.url, 8)
        self._writers = Writers(services, settings, Writer(run), no_totals, self._on_retry)

    def _on_retry(self, error: StorageUnavailable, attempt: int, seconds: float) -> None:
        self.retries.append(str(error))
        self.attempts.append(attempt)
        self.on_retry()

    def batch(self, *event_ids: str) -> Batch:
        number = next(self._numbers)
        return Batch(number, [self._preparer.prepare(page(number, list(event_ids)))])

    async def write(self, batches: list[Batch]) -> list[Committed]:
        """All of them, as many at once as there are writers."""
        committed: list[Committed] = []
        under_way: set[asyncio.Future[Committed]] = set()
        for batch in batches:
            while not self._writers.has_capacity():
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                committed += [future.result() for future in done]
                # The slot is free one step of the loop after its future is done.
                await asyncio.sleep(0)
            under_way.add(self._writers.write(batch))
        return committed + list(await asyncio.gather(*under_way))

    async def close(self) -> None:
        self._writers.abandon()
        self._writers.close()


def write_all(crew: Crew, batches: list[Batch], meanwhile: Callable[[], None] = lambda: None) -> list[int]:
    """The numbers of the batches, in the order in which they were committed. ``meanwhile`` runs in a thread."""

    async def write() -> list[Committed]:
        try:
            beside = asyncio.create_task(asyncio.to_thread(meanwhile))
            committed = await crew.write(batches)
            await beside
            return committed
        finally:
            await crew.close()

    return sorted(committed.batch_number for committed in asyncio.run(write()))


@contextmanager
def holding(url: str, event_id: str) -> Iterator[Callable[[], None]]:
    """Another process is about to insert this event, so that a batch with it waits; gives what ends that."""
    with closing(psycopg2.connect(url)) as someone, someone.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingested_events (event_id, occurred_at, payload) VALUES (%s, now(), '{}')", (event_id,)
        )
        yield someone.rollback


def stored(url: str) -> list[str]:
    return [event_id for (event_id,) in rows(url, "SELECT event_id FROM ingested_events ORDER BY event_id")]


@pytest.mark.parametrize("connections", [1, 2])
def test_several_writers_come_to_an_exact_end_with_fewer_connections_than_writers(
    database_url: str, role: LimitedRole, caplog: pytest.LogCaptureFixture, connections: int
) -> None:
    role.limit(connections)
    crew = Crew(open_test_run(database_url), role)
    names = [f"event-{number:02}" for number in range(1, 13)]
    with holding(database_url, names[0]) as let_go:

        def wait() -> None:
            eventually(lambda: REFUSED in caplog.text, what="a writer that is refused a connection")
            let_go()

        assert write_all(crew, [crew.batch(name) for name in names], wait) == list(range(1, 13))
    assert stored(database_url) == names
    assert value(database_url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'events'") == 12
    pages = rows(database_url, "SELECT page_number FROM ingestion_pages ORDER BY page_number")
    assert pages == [(number,) for number in range(1, 13)]
    assert caplog.text.count(REFUSED) == 1


def test_no_later_batch_asks_for_a_connection_while_the_first_is_refused_one(
    database_url: str, role: LimitedRole, caplog: pytest.LogCaptureFixture
) -> None:
    role.limit(1)
    crew = Crew(open_test_run(database_url), role)
    refused: list[int] = []
    said: list[str] = []
    with closing(psycopg2.connect(role.url)) as someone:

        def leave() -> None:
            if len(crew.attempts) == 3:
                refused.extend(crew.attempts)
                said.extend(caplog.messages)
                someone.close()

        crew.on_retry = leave
        assert write_all(crew, [crew.batch(name) for name in "abc"]) == [1, 2, 3]
    # All of the first batch: another one's would begin at 1 again, or be taken for an earlier one's that holds them
    # all.
    assert refused == [1, 2, 3]
    assert not any(REFUSED in message for message in said)
    assert stored(database_url) == ["a", "b", "c"]


def test_a_batch_that_waits_for_its_turn_hands_its_connection_to_an_earlier_one_that_gets_none(
    database_url: str, role: LimitedRole
) -> None:
    crew = Crew(open_test_run(database_url), role)
    first, second = crew.batch("a"), crew.batch("b")
    with holding(database_url, "a") as let_go:

        def cut() -> None:
            waiting = eventually(
                lambda: [pid for pid, _, waits_for in role.doing() if waits_for == "Lock"], what="the first to copy"
            )
            eventually(
                lambda: any(state == "idle in transaction" for _, state, _ in role.doing()), what="the second to wait"
            )
            # Room for the second's connection alone, from the moment at which the first has lost its own.
            role.limit(1)
            role.end(waiting[0])
            let_go()

        assert write_all(crew, [first, second], cut) == [1, 2]
    assert stored(database_url) == ["a", "b"]
    assert any("an earlier one cannot get a connection" in error for error in crew.retries)


def test_connections_that_were_ended_while_they_were_idle_cost_no_attempt(database_url: str, role: LimitedRole) -> None:
    crew = Crew(open_test_run(database_url), role)

    async def write() -> None:
        try:
            await crew.write([crew.batch(name) for name in "abc"])
            for pid, _, _ in role.doing():
                role.end(pid)
            await crew.write([crew.batch("d")])
        finally:
            await crew.close()

    asyncio.run(write())
    assert stored(database_url) == ["a", "b", "c", "d"]
    assert crew.retries == []


def test_writers_of_several_slices_come_to_an_exact_end_on_one_connection_that_is_cut_again_and_again(
    database_url: str, role: LimitedRole
) -> None:
    services, batches = Services(role.url, 3), 10
    assert services.pool.writers == 1
    crews = [Crew(open_test_run(role.url, f"s-{number}"), role, services) for number in range(4)]
    written = [[crew.batch(f"e-{number}") for number in range(batches)] for crew in crews]
    stop, cuts = threading.Event(), 0

    def cut() -> None:
        nonlocal cuts
        while not stop.wait(0.1) and cuts < 6:
            for pid, state, _ in role.doing():
                if state == "idle in transaction":
                    role.end(pid)
                    cuts += 1

    async def write() -> list[list[Committed]]:
        cutting = asyncio.create_task(asyncio.to_thread(cut))
        try:
            return await asyncio.gather(*(crew.write(of) for crew, of in zip(crews, written, strict=True)))
        finally:
            stop.set()
            await cutting
            for crew in crews:
                await crew.close()

    committed = asyncio.run(write())
    assert [sorted(one.batch_number for one in of) for of in committed] == [list(range(1, batches + 1))] * 4
    for number in range(4):
        assert value(database_url, f'SELECT count(*) FROM "datasync__s-{number}"') == batches
    assert value(database_url, "SELECT sum(duplicates) FROM ingestion_pages") == 0
