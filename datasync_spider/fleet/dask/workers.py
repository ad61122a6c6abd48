"""The workers of a fleet as its driver sees them: how many bundles have room, a bundle to its end, all asked to stop.

They are processes of this machine, made here, or those of a scheduler that is there already. Invariant: what is lost
is said to be lost, and a scheduler that is away is asked again for ever: neither raises anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

import dask
import distributed

from datasync_spider.fleet.dask.bundle import Bundles, run_bundle, stop_bundles
from datasync_spider.fleet.dask.dashboards import dashboard_of, note_dashboard

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
NO_PORT_OF_OTHERS = f"{LOOPBACK}:0"
"""Where Dask's HTTP servers listen that no one has asked for: they cannot be left out, and show no secrets."""

NO_MACHINES_MEMORY = 0
"""What Dask is to watch over: a worker holds nothing, and its processes are none of Dask's."""

_CONNECTS_WITHIN = "5s"
_ANSWERS_WITHIN_SECONDS = 30.0
_STOPS_WITHIN_SECONDS = 2.0
_CLOSES_WITHIN_SECONDS = 1.0
_SAYS_AGAIN_SECONDS = 30.0


class Lost(Exception):
    """No one says how a bundle has ended. ``is_dead``: its worker is, as Dask has noticed."""

    def __init__(self, why: str, *, is_dead: bool = False) -> None:
        super().__init__(why)
        self.is_dead = is_dead


class Place(Protocol):
    """Where the workers are."""

    where: str

    async def connect(self, stack: AsyncExitStack) -> Any:
        """A client of their scheduler, for the caller to close. What is made for it is ended with the stack."""
        ...


class Here:
    """So many workers of this machine, each a process. ``dashboard``: where Dask's page is to be served."""

    where = "this machine"

    def __init__(self, workers: int, dashboard: str | None) -> None:
        self._workers = workers
        self._dashboard = dashboard
        self._cluster: Any = None

    async def connect(self, stack: AsyncExitStack) -> Any:
        if self._cluster is None:
            dask.config.set({"distributed.scheduler.allowed-failures": 0})
            self._cluster = await stack.enter_async_context(
                distributed.LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    memory_limit=NO_MACHINES_MEMORY,
                    host=LOOPBACK,
                    security=True,
                    dashboard_address=self._dashboard or NO_PORT_OF_OTHERS,
                    worker_dashboard_address=NO_PORT_OF_OTHERS,
                    scheduler_kwargs={"dashboard": self._dashboard is not None},
                    asynchronous=True,
                )
            )
            if self._dashboard is not None:
                note_dashboard(self._cluster.scheduler, self._dashboard)
        return await distributed.Client(self._cluster, asynchronous=True, set_as_default=False)


class There:
    """Those of a scheduler, by its address. ``security``: what the driver shows, and whom it trusts."""

    def __init__(self, address: str, security: Any) -> None:
        self.where = f"the scheduler at {address}"
        self._address = address
        self._security = security

    async def connect(self, stack: AsyncExitStack) -> Any:
        return await distributed.Client(
            self._address, security=self._security, asynchronous=True, set_as_default=False, timeout=_CONNECTS_WITHIN
        )


class Workers:
    """``concurrency``: how many slices of a bundle at once. ``database``: which one they are to write to.

    ``last_places``: what :meth:`places` gave last. ``dashboard_url``: of Dask's own page, as the scheduler says.
    """

    def __init__(self, place: Place, concurrency: int, database: str) -> None:
        self._place = place
        self._concurrency = concurrency
        self._database = database
        self._whole = AsyncExitStack()
        self._client: Any = None
        self.last_places = 0
        self.dashboard_url: str | None = None
        self._said_at = float("-inf")

    async def close(self) -> None:
        """Ends those of this machine, with what they run."""
        await self._disconnect()
        with suppress(Exception):
            await self._whole.aclose()

    async def places(self) -> int:
        """How many bundles they run at once, all in all; none where the scheduler is away, or has no worker."""
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_SECONDS):
                if self._client is None:
                    self._client = await self._place.connect(self._whole)
                    await self._client.register_plugin(Bundles())
                    self.dashboard_url = await dashboard_of(self._client)
                places = int(sum((await self._client.nthreads()).values()))
        except Exception as error:  # noqa: BLE001 - whatever a connection raises whose other side is gone
            self._say("%s does not answer, and is asked again: %s", self._place.where, _words(error))
            await self._disconnect()
            self.last_places = 0
            return 0
        if not places:
            self._say("%s has no worker yet", self._place.where)
        elif places != self.last_places:
            logger.info("%s has workers for %d bundles at once", self._place.where, places)
        self.last_places = places
        return places

    async def run(self, names: Sequence[str], bundle: str) -> dict[str, Any]:
        """What :func:`~.bundle.run_bundle` gives, on whichever worker has room. Raises Lost."""
        if self._client is None:
            raise Lost(f"{self._place.where} does not answer")
        try:
            order = names, bundle, self._concurrency, self._database
            future = self._client.submit(run_bundle, *order, key=key_of(names), pure=False, retries=0)
            try:
                found = await future
            finally:
                future.release()
        except distributed.KilledWorker as error:
            raise Lost(f"the worker {error.last_worker.address} is gone", is_dead=True) from error
        except Exception as error:
            raise Lost(_words(error)) from error
        assert isinstance(found, dict)
        return found

    async def stop(self, bundles: Sequence[str]) -> None:
        """Asks the processes of these to stop."""
        if self._client is None or not bundles:
            return
        with suppress(Exception):
            async with asyncio.timeout(_STOPS_WITHIN_SECONDS):
                await self._client.run(stop_bundles, list(bundles), on_error="ignore")

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(_CLOSES_WITHIN_SECONDS):
                    await client.close(timeout=_CLOSES_WITHIN_SECONDS)

    def _say(self, text: str, *values: object) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said_at > _SAYS_AGAIN_SECONDS:
            self._said_at = now
            logger.warning(text, *values)


def key_of(names: Sequence[str]) -> str:
    """What Dask knows the bundle by: as long as it runs, no one is given the same slices again."""
    digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
    return f"sync-{digest[:32]}"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
