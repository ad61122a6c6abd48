"""``scrapy fleet`` from its order to its exit code: what is to be synced, by which workers, until a signal comes.

Invariant: the first signal ends it within ten seconds, and what is under way on the workers with it; a second one at
once. The driver plans without secrets, and asks no API for anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError, Stalled, Stopped, StorageError
from datasync_spider.fleet.agenda import Agenda
from datasync_spider.fleet.claims import Claims
from datasync_spider.fleet.dask.driver import Driver
from datasync_spider.fleet.dask.presence import Presence
from datasync_spider.fleet.dask.workers import Place, Workers
from datasync_spider.fleet.ends import end_of_error, not_begun
from datasync_spider.fleet.naming import Streams
from datasync_spider.fleet.notices.notifying import Notifier
from datasync_spider.fleet.reporting import Ends
from datasync_spider.fleet.roster import plans_for_others, read_roster
from datasync_spider.fleet.starting import prepare, register
from datasync_spider.fleet.supplies import Named, Reading, WhatIsDue
from datasync_spider.local.shutdown import stop_signals
from datasync_spider.observe import exitcodes
from datasync_spider.storage.identity import identity_of
from datasync_spider.storage.retrying import patiently
from datasync_spider.storage.takeover import take_over
from datasync_spider.sync.services import Services
from datasync_spider.transport.reactor import run

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from datasync_spider.fleet.supplies import Supply
    from datasync_spider.storage.pool import Pool


class Order(Struct, frozen=True):
    """What ``scrapy fleet`` was asked for. ``names``: of what is meant; what is due where there are none."""

    names: Sequence[str]
    follows: bool
    size: int
    concurrency: int

    @property
    def is_by_name(self) -> bool:
        """Due or not."""
        return bool(self.names) and not self.follows


class Driving:
    """``place``: where the workers are."""

    def __init__(self, settings: BaseSettings, config: Config, database_url: str, order: Order, place: Place) -> None:
        self._settings = settings
        self._config = config
        self._database_url = database_url
        self._order = order
        self._place = place
        self._signal_name: str | None = None

    def run(self, ends: Ends) -> int:
        """The exit code, of what is reported to ``ends``."""
        try:
            prepare(self._database_url, self._config.stall_timeout_seconds)
            with closing(Services(self._database_url, self._config.database_connections)) as services:
                run(partial(self._run, services, ends))
        except (ConfigurationError, StorageError, Stalled, Stopped) as error:
            ends.others([end_of_error(error)])
        ends.whole()
        return exitcodes.STOPPED if self._order.follows and self._signal_name else ends.total.code

    async def _run(self, services: Services, ends: Ends) -> None:
        stopped = asyncio.Event()
        self._hear(stopped)
        is_by_name = self._order.is_by_name
        supply = await services.worker().submit(self._named) if is_by_name else self._due(services, ends)
        taking_over = services.worker()
        database = await taking_over.submit(partial(_identity, services.pool))
        workers = Workers(self._place, self._order.concurrency, database)
        driver = Driver(
            workers,
            supply,
            ends.synced,
            lambda bundle, slices: taking_over.submit(partial(_take_over, services.pool, bundle, slices)),
            size=self._order.size,
            retries_failures=is_by_name,
        )
        presence = Presence(services, workers)
        presence.begin()
        try:
            await driver.run(stopped)
        finally:
            await presence.end()
            await workers.close()
        ends.others(supply.ends)
        ends.others(not_begun([*driver.left, *supply.left], ends.stopped, self._signal_name))

    def _hear(self, stopped: asyncio.Event) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop(name: str) -> None:
            if not stopped.is_set():
                self._signal_name = name
                stopped.set()
            elif name != "SIGHUP":
                task.cancel()

        for number in stop_signals():
            loop.add_signal_handler(number, stop, number.name)

    def _named(self) -> Named:
        meant = Streams(self._settings).meant(self._order.names)

        def plan(spider: type[Any]) -> list[Any]:
            return meant.of(spider, plans_for_others(spider, self._settings))

        return Named(Agenda(meant.spiders, plan, forgives=True))

    def _due(self, services: Services, ends: Ends) -> Supply:
        read = partial(read_roster, self._settings, self._order.names, services.pool, is_elsewhere=True)
        roster = read(is_first=True)
        claims = Claims(services)
        register(claims, roster, services.pool, self._config.stall_timeout_seconds)
        ends.others(roster.ends)
        reading = Reading(read, self._config.sources_dir)
        notifier = Notifier(Config.from_settings(self._settings), services)
        return WhatIsDue(roster, claims, reading, notifier, ends.others, follows=self._order.follows)


def _identity(pool: Pool) -> str:
    def look() -> str:
        with pool.connected() as connection:
            return identity_of(connection)

    return patiently(look)


def _take_over(pool: Pool, bundle: str, slices: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    with pool.connected(connect_timeout_seconds=2) as connection:
        return take_over(connection, bundle, slices)
