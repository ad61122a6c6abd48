"""What a process that follows says of a database that it has no connection to ask with."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing

import pytest

from datasync_spider.fleet import watching
from datasync_spider.fleet.watching import Watching
from datasync_spider.storage.pool import Use
from datasync_spider.sync.services import Services
from tests.support.waiting import eventually


def test_that_all_connections_are_in_use_is_said_and_is_no_trouble_by_itself(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(watching, "ASK_EVERY_SECONDS", 0.05)

    async def look() -> None:
        with closing(Services(database_url, 3)) as services:
            watched = Watching(services, None)
            watched.ask_for_ever()

            async def until(status: str, *, is_busy: bool) -> None:
                def is_so() -> bool:
                    report = watched.readiness()
                    return report["status"] == status and ("busy_since" in report) == is_busy

                await asyncio.to_thread(eventually, is_so, what=status)

            await until("ready", is_busy=False)
            # A writer and what asks leave one for this question; all three are what it takes.
            with ExitStack() as lent:
                for _ in range(2):
                    lent.enter_context(services.pool.connected(Use.LEASES))
                await until("ready", is_busy=False)
                lent.enter_context(services.pool.connected(Use.LEASES))
                await until("ready", is_busy=True)
                assert watched.readiness()["database"].startswith("no connection was free: 3 are in use")
            await until("ready", is_busy=False)

    asyncio.run(look())
