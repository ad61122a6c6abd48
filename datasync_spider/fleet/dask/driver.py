"""Gives slices to workers in bundles, and gives again what is not complete: the driver of a fleet.

States of a slice here, and what a crash of the driver in each leaves behind:

taken      by the supply: its claim in the database, if it has one, runs out after a minute
given      a worker has it in a bundle, whose process goes on to its end without the driver: what it commits counts, and
           while it runs its lease keeps out whoever is given the slice again
waiting    its sync was not complete, or no one can say how it has ended: it is given again after a pause
ended      it is reported, and forgotten

Dask's own retries have no pause, so none are asked for. Where a worker is dead, the fences of what it had are raised
first, and once there is no pause. A slice whose lease another process holds is no failure: it is asked for again.

Invariant: a slice is in one bundle at a time, and is reported once. After a signal nothing is given.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from datasync_spider.errors import StorageError
from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.dask.ends import SliceEnd, ends_of
from datasync_spider.fleet.dask.workers import Lost, Workers
from datasync_spider.fleet.roster import Turn
from datasync_spider.observe import exitcodes
from datasync_spider.sources.streamnames import label
from datasync_spider.sync.syncs import Reported

if TYPE_CHECKING:
    from datasync_spider.fleet.supplies import Supply

logger = logging.getLogger(__name__)

MOST_FAILURES: Final = 3
"""Syncs of a slice that fail or are incomplete, where it was named."""
MOST_LOSSES: Final = 12
"""Attempts in a row of which no one says how they have ended, or that find the slice with another process."""

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 1.0
_SHORTEST_PAUSE_SECONDS: Final = 0.05
# Of the ten that a stop may take: the processes of workers have as long themselves, and mostly need two or three.
_STOPS_WITHIN_SECONDS: Final = 6.5
_GIVES_BACK_WITHIN_SECONDS: Final = 1.0
_FAILURES = frozenset({exitcodes.FAILED, exitcodes.INCOMPLETE})
_NO_ENDS = frozenset({exitcodes.LEASE_HELD, exitcodes.STOPPED})

Report = Callable[[End, str, str, float], None]
"""Of an end, its stream and slice, and how long it took."""

TakeOver = Callable[[str, Sequence[tuple[str, str]]], "asyncio.Future[list[tuple[str, str]]]"]
"""Raises the fences of what a bundle holds of these slices; see :mod:`datasync_spider.storage.takeover`."""


@dataclass(slots=True, eq=False)
class Slice:
    """One that is not reported yet. ``is_alone``: in a bundle of its own, since one with others could not be begun."""

    turn: Turn
    began: float
    failures: int = 0
    losses: int = 0
    is_alone: bool = False
    not_before: float = 0.0

    @property
    def names(self) -> tuple[str, str]:
        return self.turn.plan.spec.name, self.turn.plan.spec.slice

    @property
    def label(self) -> str:
        return label(*self.names)


class Driver:
    """``size``: how many slices at most are in a bundle. ``retries_failures``: what fails is tried again by us.

    Where it is asked of the database what is due, that says when.
    """

    def __init__(
        self,
        workers: Workers,
        supply: Supply,
        report: Report,
        take_over: TakeOver,
        *,
        size: int,
        retries_failures: bool,
    ) -> None:
        self._workers = workers
        self._supply = supply
        self._report = report
        self._take_over = take_over
        self._size = size
        self._retries_failures = retries_failures
        self._given: dict[asyncio.Future[None], tuple[str, list[Slice]]] = {}
        self._waiting: list[Slice] = []
        self._is_stopping = False

    @property
    def left(self) -> list[str]:
        """How those are called that were taken and are not reported."""
        given = [one for _, slices in self._given.values() for one in slices]
        return [one.label for one in (*given, *self._waiting)]

    async def run(self, stopped: asyncio.Event) -> None:
        """Until there is no more to do, or ``stopped`` is set."""
        stopping = asyncio.ensure_future(stopped.wait())
        is_over = False
        while not stopping.done() and not is_over:
            filling = asyncio.ensure_future(self._fill())
            await asyncio.wait((filling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                self._is_stopping = True
                await asyncio.wait((filling,), timeout=_GIVES_BACK_WITHIN_SECONDS)
                filling.cancel()
                break
            is_over = not filling.result() and not self._given and not self._waiting and not self._supply.goes_on
            if not is_over:
                waits: set[asyncio.Future[Any]] = {*self._given, stopping}
                await asyncio.wait(waits, timeout=self._pause_seconds(), return_when=asyncio.FIRST_COMPLETED)
                self._forget_given()
        stopping.cancel()
        if not is_over:
            await self._stop()

    def _pause_seconds(self) -> float:
        pauses = [one.not_before - time.monotonic() for one in self._waiting]
        if self._supply.pause_seconds is not None:
            pauses.append(self._supply.pause_seconds)
        return max(_SHORTEST_PAUSE_SECONDS, min((_LOOK_AGAIN_SECONDS, *pauses)))

    async def _fill(self) -> bool:
        """Gives as many bundles as there is room for; whether there may be more that no one has asked for."""
        free = await self._workers.places() - len(self._given)
        if free <= 0:
            return True
        now = time.monotonic()
        ready = [one for one in self._waiting if one.not_before <= now]
        if (missing := free * self._size - len(ready)) > 0:
            running = len(self._waiting) + sum(len(slices) for _, slices in self._given.values())
            taken = [Slice(turn, now) for turn in await self._supply.take(missing, running)]
            self._waiting += taken
            ready += taken
        if not self._is_stopping:
            for slices in split(ready, free, self._size):
                self._waiting = [one for one in self._waiting if one not in slices]
                bundle = uuid.uuid4().hex
                self._given[asyncio.ensure_future(self._one(bundle, slices))] = bundle, slices
        return False

    def _forget_given(self) -> None:
        """Those whose slices are reported, or wait. Raises what is a fault of ours."""
        for task in [task for task in self._given if task.done()]:
            del self._given[task]
            task.result()

    async def _one(self, bundle: str, slices: list[Slice]) -> None:
        try:
            found = await self._workers.run([one.label for one in slices], bundle)
        except Lost as lost:
            if not self._is_stopping:
                await self._lost(bundle, slices, lost)
            return
        ends = ends_of(found, [one.names for one in slices])
        is_begun = len(slices) == 1 or any(end.seconds is not None for end in ends.values())
        for one in slices:
            if not is_begun and ends[one.names].end.code == exitcodes.BAD_CONFIGURATION:
                # Alone it is found out which of them is wrong.
                one.is_alone = True
                self._wait_for(one, 0.0)
            else:
                await self._ended(one, ends[one.names])

    async def _lost(self, bundle: str, slices: list[Slice], lost: Lost) -> None:
        logger.warning("%d slices are to be synced elsewhere: %s", len(slices), lost)
        if lost.is_dead:
            try:
                freed = await self._take_over(bundle, [one.names for one in slices])
                logger.info("%d of them were under way, and are free for the next one", len(freed))
            except StorageError as error:
                logger.warning("what was under way comes free when its leases have run out: %s", error)
        for one in slices:
            one.losses += 1
            if one.losses < MOST_LOSSES:
                self._wait_for(one, 0.0 if lost.is_dead and one.losses == 1 else pause_seconds(one.losses))
                continue
            why = f"{one.losses} attempts in a row had no end; the last one: {lost}"
            await self._report_end(one, SliceEnd(End(exitcodes.FAILED, summary.not_started(why)), None))

    async def _ended(self, one: Slice, ended: SliceEnd) -> None:
        """It is reported, or tried again."""
        pause = None if self._is_stopping else self._pause_after(one, ended.end.code)
        if pause is None:
            await self._report_end(one, ended)
        else:
            self._wait_for(one, pause)

    def _pause_after(self, one: Slice, code: int) -> float | None:
        """None: it is not tried again."""
        if code in _NO_ENDS:
            one.losses += 1
            return pause_seconds(one.losses) if one.losses < MOST_LOSSES else None
        one.losses = 0
        if code not in _FAILURES or not self._retries_failures:
            return None
        one.failures += 1
        return pause_seconds(one.failures) if one.failures < MOST_FAILURES else None

    def _wait_for(self, one: Slice, seconds: float) -> None:
        one.not_before = time.monotonic() + seconds
        self._waiting.append(one)

    async def _report_end(self, one: Slice, ended: SliceEnd) -> None:
        end, is_begun = ended.end, ended.seconds is not None
        # Of what was begun the process has noted the end, or the refusal.
        noted = Reported(end.fields.get("run_id"), refused="noted by its process") if is_begun else None
        await self._supply.ended(one.turn, noted, end, is_stopped=end.code == exitcodes.STOPPED)
        seconds = time.monotonic() - one.began if ended.seconds is None else ended.seconds
        self._report(end, *one.names, seconds)

    async def _stop(self) -> None:
        """Asks what is under way to stop, and waits for its last words as long as there is time."""
        self._is_stopping = True
        until = time.monotonic() + _STOPS_WITHIN_SECONDS
        await self._workers.stop([bundle for bundle, _ in self._given.values()])
        if self._given:
            await asyncio.wait({*self._given}, timeout=until - time.monotonic())
        self._forget_given()
        given = [one for _, slices in self._given.values() for one in slices]
        giving = [
            asyncio.ensure_future(self._supply.ended(one.turn, None, End(exitcodes.STOPPED, []), is_stopped=True))
            for one in (*given, *self._waiting)
        ]
        if giving:
            await asyncio.wait(giving, timeout=_GIVES_BACK_WITHIN_SECONDS)


def split(slices: Sequence[Slice], places: int, size: int) -> list[list[Slice]]:
    """Bundles for at most so many places, of about one length; what is to be alone has one of its own."""
    alone = [[one] for one in slices if one.is_alone][:places]
    others = [one for one in slices if not one.is_alone]
    if not others or len(alone) == places:
        return alone
    bundles = min(places - len(alone), len(others))
    length = min(size, -(-len(others) // bundles))
    starts = range(0, min(len(others), bundles * length), length)
    return [*alone, *(others[start : start + length] for start in starts)]


def pause_seconds(attempts: int) -> float:
    """After so many that have come to nothing."""
    return float(min(_FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), _LONGEST_PAUSE_SECONDS))
