"""The poller: one question for all, none for no one, and the truth about a database that is away."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.faces.dashboard.poller import Poller
from datasync_spider.faces.dashboard.questions import Busy, Reader
from datasync_spider.storage.connection import connected
from datasync_spider.storage.dashboard import Overview, read_overview
from datasync_spider.storage.migrate import migrate
from embedded_postgres.starting import start_embedded
from tests.support.database import execute_outside
from tests.support.memory import quick_directory
from tests.support.postgres import OwnServer

LABEL = "the database"


class Viewer:
    """Keeps the messages that it was given."""

    def __init__(self, poller: Poller) -> None:
        self.messages: list[dict[str, Any]] = []
        self._reported = asyncio.Event()
        self.leave = poller.listen(self._publish)

    def _publish(self, message: bytes) -> None:
        self.messages.append(json.loads(message))
        self._reported.set()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The newest message, when the condition holds for it."""
        async with asyncio.timeout(30):
            while not (self.messages and condition(self.messages[-1])):
                self._reported.clear()
                await self._reported.wait()
        return self.messages[-1]


def available(message: dict[str, Any]) -> bool:
    return bool(message["database"]["available"])


def away(message: dict[str, Any]) -> bool:
    return not available(message)


def polling(url: str, use: Callable[[Poller], Awaitable[None]], patience_seconds: float = 5.0) -> None:
    async def run() -> None:
        reader = Reader(url, "test", timeout_seconds=5)

        def read() -> Awaitable[Overview]:
            return reader.read(lambda connection: read_overview(connection, OVER, max_runs=3))

        poller = Poller(read, label=LABEL, version="1", interval_seconds=0.05, patience_seconds=patience_seconds)
        try:
            await use(poller)
        finally:
            poller.close()
            reader.close()

    asyncio.run(run())


def test_all_viewers_get_the_messages_of_one_poller(database_url: str) -> None:
    async def use(poller: Poller) -> None:
        viewers = [Viewer(poller) for _ in range(20)]
        await viewers[0].until(lambda _: len(viewers[0].messages) >= 5)
        reported = len(viewers[0].messages)
        assert poller.polls <= reported + 1
        assert all(abs(len(viewer.messages) - reported) <= 1 for viewer in viewers)

    polling(database_url, use)


def test_no_one_listens_and_nothing_is_asked(database_url: str) -> None:
    async def use(poller: Poller) -> None:
        assert poller.polls == 0
        viewer = Viewer(poller)
        await viewer.until(available)
        viewer.leave()
        assert poller.listeners == 0
        asked = poller.polls
        # A loop that went on would have asked several times while this other question is answered.
        reader = Reader(database_url, "other", timeout_seconds=5)
        await reader.read(lambda connection: execute(connection, "SELECT pg_sleep(0.3)"))
        reader.close()
        assert poller.polls <= asked + 1

    polling(database_url, use)


def execute(connection: Connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_viewer_who_comes_later_gets_the_whole_state_at_once(database_url: str) -> None:
    async def use(poller: Poller) -> None:
        first = Viewer(poller)
        await first.until(available)
        second = Viewer(poller)
        assert second.messages[0]["whole"]["slices"] == 0

    polling(database_url, use)


def test_a_question_on_demand_is_answered_from_the_same_state(database_url: str) -> None:
    async def use(poller: Poller) -> None:
        messages = await asyncio.gather(*(poller.message() for _ in range(30)))
        assert len(set(messages)) == 1
        assert poller.polls == 1

    polling(database_url, use)


def test_a_database_without_tables_is_reported_and_found_when_it_has_them(empty_database_url: str) -> None:
    async def use(poller: Poller) -> None:
        viewer = Viewer(poller)
        message = await viewer.until(away)
        assert "no tables" in message["database"]["words"]
        with connected(empty_database_url) as connection:
            migrate(connection)
        message = await viewer.until(available)
        assert message["whole"]["slices"] == 0

    polling(empty_database_url, use)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server that this test may kill."""
    place = tempfile.TemporaryDirectory(prefix="datasync-own-", dir=quick_directory())
    with place as home, start_embedded(Path(home)) as server:
        with connected(server.url) as connection:
            migrate(connection)
        yield OwnServer(Path(home), server.url)


def test_a_server_that_dies_is_reported_with_the_time_since_and_its_return_is_seen(own_server: OwnServer) -> None:
    async def use(poller: Poller) -> None:
        viewer = Viewer(poller)
        known = await viewer.until(available)
        own_server.lose_power()
        message = await viewer.until(away)
        since = message["database"]["since"]
        assert message["database"]["words"] == "PostgreSQL cannot be reached."
        # What was known stays, as of when it was read.
        assert message["whole"] == known["whole"]
        seen = len(viewer.messages)
        await viewer.until(lambda _: len(viewer.messages) >= seen + 3)
        assert viewer.messages[-1]["database"]["since"] == since
        own_server.start()
        message = await viewer.until(available)
        assert message["database"]["since"] is None

    polling(own_server.url, use)


def test_a_server_that_answers_nothing_is_reported_while_the_question_hangs(own_server: OwnServer) -> None:
    async def use(poller: Poller) -> None:
        viewer = Viewer(poller)
        await viewer.until(available)
        with own_server.frozen():
            message = await viewer.until(away)
            assert message["database"]["words"] == "PostgreSQL does not answer."
            asked = poller.polls
            seen = len(viewer.messages)
            await viewer.until(lambda _: len(viewer.messages) >= seen + 2)
            # The hanging question is waited for; no other one is put behind it.
            assert poller.polls == asked
        await viewer.until(available)

    polling(own_server.url, use, patience_seconds=0.3)


def test_a_flood_of_questions_is_refused_rather_than_queued(database_url: str) -> None:
    async def flood() -> None:
        reader = Reader(database_url, "test", timeout_seconds=5, most_waiting=4)
        questions = [reader.read(lambda connection: execute(connection, "SELECT pg_sleep(0.05)")) for _ in range(20)]
        answers = await asyncio.gather(*questions, return_exceptions=True)
        assert sum(isinstance(answer, Busy) for answer in answers) == 16
        # Later there is room again.
        await reader.read(lambda connection: execute(connection, "SELECT 1"))
        reader.close()

    asyncio.run(flood())
    execute_outside(database_url, "SELECT 1")
