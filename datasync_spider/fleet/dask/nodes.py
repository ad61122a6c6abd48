"""``scrapy fleet scheduler`` and ``scrapy fleet worker``: Dask's own, with what a fleet needs of them.

Invariant: both speak to no one without a certificate of their authority, and listen where they must and nowhere else.
Dask's HTTP servers, which ask for no certificate, listen on the loopback interface, or where the page is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import distributed
from distributed.utils import get_ip
from msgspec import Struct

from datasync_spider.errors import ConfigurationError
from datasync_spider.fleet.dask.bundle import Bundles, stop_bundles
from datasync_spider.fleet.dask.dashboards import note_dashboard
from datasync_spider.fleet.dask.workers import NO_MACHINES_MEMORY, NO_PORT_OF_OTHERS
from datasync_spider.local.shutdown import stop_signals
from datasync_spider.observe import exitcodes

logger = logging.getLogger(__name__)

_ANSWERS_WITHIN_SECONDS = 10.0
_TRIES_AGAIN_SECONDS = 2.0
_CLOSES_WITHIN_SECONDS = 9.0


class Listening(Struct, frozen=True):
    """Where a node does. ``host`` None: as what the scheduler is reached from. ``port`` 0: any that is free."""

    host: str | None
    port: int


def run_scheduler(security: Any, listening: Listening, dashboard: str | None) -> NoReturn:
    """Until a signal comes, which ends the process. Raises ConfigurationError where it cannot listen."""

    async def serve(stopped: asyncio.Event) -> None:
        try:
            scheduler = await distributed.Scheduler(
                host=listening.host,
                port=listening.port,
                protocol="tls://",
                security=security,
                dashboard=dashboard is not None,
                dashboard_address=dashboard or NO_PORT_OF_OTHERS,
                # The driver gives again what a dead worker had, when it has raised the fences.
                allowed_failures=0,
            )
        except OSError as error:
            raise ConfigurationError(f"the scheduler cannot listen: {error}") from error
        logger.info("the scheduler listens at %s", scheduler.address)
        if dashboard is not None:
            logger.info("Dask's own page is at %s", note_dashboard(scheduler, dashboard))
        await stopped.wait()
        await asyncio.wait((asyncio.ensure_future(scheduler.close()),), timeout=_CLOSES_WITHIN_SECONDS)

    run_to_the_end(serve)


def run_worker(security: Any, scheduler: str, listening: Listening, processes: int) -> NoReturn:
    """Until a signal comes, which ends the process, through whatever becomes of the scheduler."""

    async def serve(stopped: asyncio.Event) -> None:
        is_away = False
        while not stopped.is_set():
            try:
                worker = distributed.Worker(
                    scheduler,
                    host=listening.host or get_ip(urlsplit(scheduler).hostname),
                    port=listening.port,
                    protocol="tls://",
                    security=security,
                    nthreads=processes,
                    plugins=(Bundles(),),
                    memory_limit=NO_MACHINES_MEMORY,
                    dashboard_address=NO_PORT_OF_OTHERS,
                )
                if not await _begin(worker, scheduler, stopped):
                    break
            except (OSError, TimeoutError) as error:
                if not is_away:
                    logger.warning("%s does not answer, and is asked again: %s", scheduler, error)
                is_away = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), _TRIES_AGAIN_SECONDS)
                continue
            is_away = False
            logger.info("the worker listens at %s, for %d processes at once", worker.address, processes)
            await _until(stopped, worker.finished())
            if worker.status.name == "running":
                await _close(worker)
            elif not stopped.is_set():
                logger.warning("the scheduler is gone, and what was under way is stopped")

    run_to_the_end(serve)


async def _begin(worker: Any, scheduler: str, stopped: asyncio.Event) -> bool:
    """Waits until the scheduler has it; False where the stop comes first. Raises what Dask does not wait for."""
    beginning, stopping = asyncio.ensure_future(worker.start()), asyncio.ensure_future(stopped.wait())
    waits = {beginning, stopping}
    # Dask asks one that is away for ever, and says nothing.
    done, _ = await asyncio.wait(waits, timeout=_ANSWERS_WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        logger.warning("%s does not answer, and is asked again", scheduler)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not beginning.done():
        beginning.cancel()
        return False
    beginning.result()
    return True


async def _close(worker: Any) -> None:
    """Takes no bundle any more, stops those that it has, and hands over how they have ended."""
    closing = asyncio.ensure_future(worker.close_gracefully())
    stop_bundles()
    await asyncio.wait((closing,), timeout=_CLOSES_WITHIN_SECONDS)


async def _until(stopped: asyncio.Event, ended: Coroutine[Any, Any, Any]) -> None:
    waits = {asyncio.ensure_future(stopped.wait()), asyncio.ensure_future(ended)}
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def run_to_the_end(serve: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> NoReturn:
    """Ends the process, as one that was stopped, when ``serve`` has; it is given what a signal sets."""

    async def main() -> NoReturn:
        stopped = asyncio.Event()
        for number in stop_signals():
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await serve(stopped)
        # Here asyncio would wait for tasks that Dask has left behind, and some of them wait for each other, for ever.
        logging.shutdown()
        os._exit(exitcodes.STOPPED)

    asyncio.run(main())
