"""Tries a stream's dead letters again, one piece after the other, as a run of its own.

Life of a replay: take the lease (or be refused), then a transaction a piece until there is nothing behind the last
dead letter, then end the run's row with the truth and give the lease back. Whatever ends it on the way, what is
committed stays, and the next replay goes on with what is open.

Invariant: only the piece at hand is in memory. Every change is made by :mod:`datasync_spider.storage.replays`.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from datasync_spider import __version__, failpoints
from datasync_spider.errors import FencedOff, Stopped, StorageError
from datasync_spider.storage.backends import end_backends_of_earlier_runs
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.deadletters import Chosen, DeadLetter, count_dead_letters, read_dead_letters_after
from datasync_spider.storage.interruption import interruptible
from datasync_spider.storage.registry import StreamSpec
from datasync_spider.storage.replays import Tried, replay_dead_letters, try_dead_letters
from datasync_spider.storage.runs import Hold, finish_run, open_replay
from datasync_spider.storage.standstill import StandstillWatch

logger = logging.getLogger(__name__)

_END_SECONDS = 3.0


class Totals(Struct):
    """What became of all dead letters: ``stored`` counts events, the rest rows. ``run_id`` None: none was opened.

    ``falls_short``: the stream holds less than the API counts.
    """

    run_id: int | None = None
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    falls_short: bool = False

    @property
    def resolved(self) -> int:
        return self.stored + self.duplicates

    @property
    def tried(self) -> int:
        return self.resolved + self.refused.total()

    def add(self, tried: Tried) -> None:
        self.stored += len(tried.stored)
        self.duplicates += tried.duplicates
        self.conflicts += tried.conflicts
        self.refused += tried.refused
        self.falls_short = tried.falls_short


def replay(
    database_url: str, chosen: Chosen, spec: StreamSpec, lease_ttl_ms: int, stall_timeout_seconds: float
) -> Totals:
    """Replays what is open among the chosen. Where nothing is, no run is opened.

    Raises LeaseHeld where another run of the stream is active, FencedOff where one took over, Stopped after a signal,
    Stalled where the database does not go on for so long.
    """
    totals = Totals()
    with (
        connected(database_url) as connection,
        StandstillWatch(database_url, stall_timeout_seconds) as watch,
        watch.over(connection),
    ):
        is_due = interruptible(connection, lambda: count_dead_letters(connection, chosen)).open > 0
        connection.rollback()
        if not is_due:
            return totals
        hold = interruptible(
            connection, lambda: open_replay(connection, chosen.slice, lease_ttl_ms, __version__, spec=spec), watch
        )
        end_backends_of_earlier_runs(connection, hold)
        totals.run_id = hold.run_id
        try:
            failpoints.reach("run_opened")
            for tried in _pieces(connection, chosen, lambda some: replay_dead_letters(connection, hold, some), watch):
                totals.add(tried)
                logger.debug("replayed %d events, %d of them acceptable", totals.tried, totals.resolved)
            failpoints.reach("before_finish")
            interruptible(
                connection,
                lambda: finish_run(connection, hold, "complete", "replayed", describe(totals), 0, 0),
                watch,
            )
        except BaseException as error:
            _end(database_url, hold, error)
            raise
    return totals


def rehearse(database_url: str, chosen: Chosen) -> Totals:
    """What a replay would do now. Changes nothing, needs no lease, and may be done while a crawl runs."""
    totals = Totals()
    seen: set[bytes] = set()
    with connected(database_url) as connection:
        for tried in _pieces(connection, chosen, lambda some: try_dead_letters(connection, chosen.slice, some)):
            # An earlier piece would have stored these by now.
            again = {event_id for event_id in tried.stored if _short(event_id) in seen}
            tried.stored -= again
            seen.update(map(_short, tried.stored))
            totals.add(tried)
    return totals


def describe(totals: Totals) -> str:
    """In one line; for the run's row, too."""
    text = f"{totals.tried:,} tried: {totals.stored:,} stored, {totals.duplicates:,} stored already"
    return f"{text}, {totals.refused.total():,} still rejected"


def _pieces(
    connection: Connection,
    chosen: Chosen,
    handle: Callable[[list[DeadLetter]], Tried],
    watch: StandstillWatch | None = None,
) -> Iterator[Tried]:
    """Between two pieces, and at once within one, a signal ends it."""
    after = 0
    left: list[DeadLetter] = []

    def work() -> tuple[list[DeadLetter], Tried] | None:
        dead_letters = left or read_dead_letters_after(connection, chosen, after)
        return (dead_letters, handle(dead_letters)) if dead_letters else None

    while done := interruptible(connection, work, watch):
        dead_letters, tried = done
        after = max(after, dead_letters[-1].rejected_id)
        left = tried.left
        yield tried


def _end(database_url: str, hold: Hold, error: BaseException) -> None:
    """Writes into the run's row why it ended, on a connection of its own: the other one may be broken.

    Nothing depends on it, so it is not waited for long: a commit may hang. A row that goes on saying running is
    corrected by the next run.
    """
    if isinstance(error, FencedOff):
        status, reason = "fenced", error.reason
    elif isinstance(error, Stopped):
        status, reason = "stopped", str(error)
    else:
        status, reason = "failed", getattr(error, "reason", "failed")
    detail = None if status == "stopped" else str(error)
    recorded: list[bool] = []

    def record() -> None:
        try:
            with connected(database_url, connect_timeout_seconds=2) as connection:
                finish_run(connection, hold, status, reason, detail, 0, 0)
                recorded.append(True)
        except StorageError as trouble:
            logger.warning("PostgreSQL did not take the end of the replay: %s", trouble)

    recording = threading.Thread(target=record, name="datasync-end", daemon=True)
    recording.start()
    recording.join(_END_SECONDS)
    if not recorded:
        logger.warning("the end of the replay could not be recorded")


def _short(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=16).digest()
