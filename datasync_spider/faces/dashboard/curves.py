"""Curves of runs, kept between questions, so that a ledger row is read once, however many look at however long a run.

Invariant: what is kept is bounded, a few hundred sums a run and a few runs; a ledger of a million pages costs one read
of it when it is first looked at, and afterwards only the pages that are new.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from datasync_spider.faces.dashboard.series import Series, SeriesView, width_for
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.dashboard import Row, read_runs_by_id, read_series

_T = TypeVar("_T")

_MOST_RUNS = 16
_FRESH_SECONDS = 1.0


class Read(Protocol):
    """Asks a question in a thread."""

    def __call__(self, question: Callable[[Connection], _T], /) -> Awaitable[_T]: ...


class _Known:
    """One run's curves, with the lock that lets one question at a time extend them."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.series: Series | None = None
        self.view: SeriesView | None = None
        self.asked_at = float("-inf")


class Ledger:
    """The curves of the runs that were looked at last."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._runs: OrderedDict[int, _Known] = OrderedDict()

    async def series(self, run_id: int) -> SeriesView | None:
        """The run's curves, about a second old at most; None where there is no such run. Raises StorageError."""
        known = self._runs.setdefault(run_id, _Known())
        self._runs.move_to_end(run_id)
        while len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)
        async with known.lock:
            if time.monotonic() - known.asked_at > _FRESH_SECONDS:
                known.view = await self._read(lambda connection: _extend(connection, run_id, known))
                known.asked_at = time.monotonic()
            if known.view is None:
                self._runs.pop(run_id, None)
            return known.view


def _extend(connection: Connection, run_id: int, known: _Known) -> SeriesView | None:
    """Reads what is new into the curves. Runs in the reader's thread, under the run's lock."""
    rows = read_runs_by_id(connection, [run_id])
    if not rows:
        return None
    run = rows[0]
    started, ended = run["started_at"].timestamp(), (run["ended_at"] or run["read_at"]).timestamp()
    width = width_for(ended - started)
    series = known.series or Series(width)
    series.widen(width)
    if series.pages < run["pages"]:
        series.add(_new_pages(connection, run, series))
    known.series = series
    return series.view(run_id, started, ended, is_running=run["ended_at"] is None)


def _new_pages(connection: Connection, run: Row, series: Series) -> list[Row]:
    return read_series(
        connection,
        run["run_id"],
        origin=run["started_at"],
        width_seconds=series.width_seconds,
        after_page=series.last_page,
    )
