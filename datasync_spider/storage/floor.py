"""The floor of a slice: the time up to which all that the API has is stored, and what passes ask from by it.

What moves it is the order in which records come, and nothing moves it backwards but a pass that begins without one:

oldest-first   each committed page, to the newest time on it: what is older has come before
newest-first   the end of a complete pass, to the newest time on its first page. Until then the position is the floor of
               before, that time (``pass_top_at``) and the token
none           the end of a complete pass, to its newest time from before it began: what came later may stand where the
               pass had been already

It moves to times that records have, and never beyond the moment at which their page was asked for, by the database's
clock, less the lag. So a record from the future moves nothing, and neither does one whose time says that no one knows
it: the year 9999, or whatever is not after 1970 began.

What a crash leaves: floor and top move in the transaction of the pages that move them, under its fence, after its
checkpoint. What a pass asks from is decided in the transaction that opens it, and stays for the pass; a chain that
begins anew in it may ask from a later time where the oldest come first, and says so with its first committed page.

Invariant: only a run that holds the slice's fence moves anything here, and a backfill, which is in no pass, nothing.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import Any, Final

from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.completion import window
from datasync_spider.storage.connection import instant_of, us_of
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_MICROSECONDS: Final = 1_000_000


def chain_from(run: OpenRun, floor_us: int | None) -> int | None:
    """What a new chain of the run's pass asks from: where the oldest come first, what it has not proven yet."""
    asked_us, since = run.resume.pass_since_us, run.since
    if since is None or run.order != "oldest-first" or floor_us is None:
        return asked_us
    proven_us = since.below(floor_us)
    return proven_us if asked_us is None else max(asked_us, proven_us)


def move(cursor: Any, run: OpenRun, batch: Batch) -> None:
    """What the batch proves, of a stream that asks from a time, and no backfill.

    After its checkpoint, which has seen that the slice is ours.
    """
    cursor.execute(statement("read_floor_bounds"), run.key)
    now_us, pass_started_us = map(us_of, cursor.fetchone())
    newest = [_newest_us(page, _bound_us(run, page.page, now_us, pass_started_us)) for page in batch.pages]
    proven = [instant_of(us) for us in newest if us is not None]
    last = batch.pages[-1].page
    moved = {
        "floor_at": max(proven, default=None) if run.order == "oldest-first" else None,
        "first_at": proven[0] if proven and run.order == "newest-first" else None,
        "newest_at": max(proven, default=None) if run.order == "none" else None,
        "walk_since_at": instant_of(last.since_us),
        **window(run, batch),
    }
    cursor.execute(statement("move_floor"), {**run.key, **moved})


def _bound_us(run: OpenRun, page: EventPage, now_us: int, pass_started_us: int) -> int:
    """The latest time that the page proves anything of: when it was asked for, by the clock of the database."""
    assert run.since is not None
    age_seconds = max(0.0, time.time() - page.fetched_at + page.fetch_ms / 1_000)
    asked_us = now_us - round(age_seconds * _MICROSECONDS)
    return (min(asked_us, pass_started_us) if run.order == "none" else asked_us) - run.since.lag_us


def _newest_us(page: PreparedPage, bound_us: int) -> int | None:
    """The page's newest time that is not after the bound; None where no record has one."""
    newest = page.newest
    if newest is not None and newest[0] > bound_us:
        times = (record.occurred_at_us for record in chain(page.rows, page.versions))
        newest_us = max((us for us in times if us is not None and us <= bound_us), default=0)
    else:
        newest_us = 0 if newest is None else newest[0]
    return newest_us if newest_us > 0 else None
