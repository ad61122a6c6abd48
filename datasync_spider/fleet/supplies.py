"""Where the slices come from that are synced side by side: those that were named, or those that are due.

A supply gives the next ones as places become free, and hears how each has ended. Invariant: a slice that is given away
is not given again before it has ended.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from datasync_spider.errors import ConfigurationError, StorageError
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.ends import end_of_error
from datasync_spider.fleet.roster import Roster, Turn, signature
from datasync_spider.observe import exitcodes
from datasync_spider.sources.streamnames import label

if TYPE_CHECKING:
    from datasync_spider.fleet.agenda import Agenda
    from datasync_spider.fleet.claims import Claims
    from datasync_spider.fleet.notices.notifying import Notifier
    from datasync_spider.sync.syncs import Reported

logger = logging.getLogger(__name__)

# At most: a slice that someone makes due by hand, or another process gives back, is noticed by then.
_LONGEST_PAUSE_SECONDS = 2.0
_SHORTEST_PAUSE_SECONDS = 0.1
# Slices that do not stand in files come and go by themselves.
_FIND_AGAIN_SECONDS = 300.0
_GIVE_BACK_SECONDS = 1.0
_DELIVER_SECONDS = 30.0


class Supply(Protocol):
    """``pause_seconds``: when to ask again; None: not before one has ended. ``goes_on``: though nothing is under way.

    ``asks``: each :meth:`take` costs a question, so that more than a few at a time are the cheaper.
    ``left``: how those are called whose turn has not come. ``ends``: of what is not synced at all.
    ``kept``: what is to be kept fresh until a signal comes, each slice with its stream before it.
    """

    pause_seconds: float | None
    goes_on: bool
    asks: bool

    @property
    def left(self) -> list[str]: ...

    @property
    def left_count(self) -> int: ...

    @property
    def ends(self) -> list[End]: ...

    @property
    def kept(self) -> Collection[tuple[str, str]]: ...

    async def take(self, free: int, running: int) -> list[Turn]:
        """At most ``free`` ones. It may be cancelled by a stop."""
        ...

    async def ended(self, turn: Turn, reported: Reported | None, end: End, *, is_stopped: bool) -> None:
        """``is_stopped``: a signal came before it had ended, or was begun."""
        ...

    async def give_back(self, turns: Sequence[Turn]) -> None:
        """They have been taken and are not begun: their turn comes again."""
        ...


class Named:
    """What the agenda has, due or not."""

    pause_seconds: float | None = None
    goes_on = False
    asks = False

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    @property
    def left(self) -> list[str]:
        return self._agenda.left

    @property
    def left_count(self) -> int:
        return self._agenda.left_count

    @property
    def kept(self) -> Collection[tuple[str, str]]:
        return ()

    @property
    def ends(self) -> list[End]:
        return self._agenda.ends

    async def take(self, free: int, running: int) -> list[Turn]:
        turns: list[Turn] = []
        # What waits for others' records is planned when all that were begun have ended.
        while len(turns) < free and (self._agenda.is_ready or (not running and not turns and self._agenda.goes_on())):
            turns.append(Turn(*self._agenda.next()))
        return turns

    async def ended(self, turn: Turn, reported: Reported | None, end: End, *, is_stopped: bool) -> None:
        """It is the next one's turn."""

    async def give_back(self, turns: Sequence[Turn]) -> None:
        for turn in reversed(turns):
            self._agenda.put_back(turn.spider, turn.plan)


class Reading(Struct, frozen=True):
    """How the roster is read (in a thread), and where its files are."""

    read: Callable[[], Roster]
    directory: Path


class WhatIsDue:
    """``follows``: for ever, else each slice once. ``failed`` is given what ends no slice."""

    asks = True

    def __init__(
        self,
        roster: Roster,
        claims: Claims,
        reading: Reading,
        notifier: Notifier,
        failed: Callable[[Sequence[End]], None],
        *,
        follows: bool,
    ) -> None:
        self.pause_seconds: float | None = None
        self.goes_on = follows
        self._roster = roster
        self._parents = _parents(roster)
        self._claims = claims
        self._reading = reading
        self._notifier = notifier
        self._failed = failed
        self._left = set(roster.turns)
        self._running: set[tuple[str, str]] = set()
        self._signature = signature(reading.directory)
        self._read_at = time.monotonic()
        self._is_stale = False
        self._delivered_at = time.monotonic()
        self._delivering: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        self._delivering.set_result(None)

    @property
    def left(self) -> list[str]:
        """Some of them may not be due."""
        return [] if self.goes_on else [label(*names) for names in sorted(self._left)]

    @property
    def left_count(self) -> int:
        return 0 if self.goes_on else len(self._left)

    @property
    def kept(self) -> Collection[tuple[str, str]]:
        return self._roster.turns.keys() if self.goes_on else ()

    @property
    def ends(self) -> list[End]:
        """They are reported as they come."""
        return []

    async def take(self, free: int, running: int) -> list[Turn]:
        if self.goes_on:
            self._deliver_now_and_then()
            await self._read_again()
        wanted = (set(self._roster.turns) if self.goes_on else self._left) - self._running
        try:
            found, seconds = await self._claims.take(free, sorted(wanted))
        except StorageError as error:
            self._away(error)
            return []
        self.pause_seconds = None
        if self.goes_on:
            longest = _LONGEST_PAUSE_SECONDS
            self.pause_seconds = longest if seconds is None else max(_SHORTEST_PAUSE_SECONDS, min(seconds, longest))
        if not found and not running:
            self._left.clear()
        turns = [self._roster.turns[due.stream, due.slice] for due in found]
        names = {(due.stream, due.slice) for due in found}
        self._running |= names
        self._left -= names
        return turns

    async def ended(self, turn: Turn, reported: Reported | None, end: End, *, is_stopped: bool) -> None:
        self._running.discard((turn.key.stream, turn.key.slice))
        is_noted = reported is not None and (reported.run_id is not None or reported.refused is not None)
        if end.code == exitcodes.FAILED and not is_noted and not is_stopped:
            # No component of the crawl came so far as to note it.
            await self._notifier.sync_ended(turn.key, refused="failed")
        if is_stopped or end.code == exitcodes.LEASE_HELD:
            # What was stopped is as due as it was. Of all others the end is noted, or the claim is their pause.
            await self._release([turn])
        self._is_stale |= turn.plan.spec.name in self._parents and end.code == exitcodes.COMPLETE

    async def give_back(self, turns: Sequence[Turn]) -> None:
        names = {(turn.key.stream, turn.key.slice) for turn in turns}
        self._running -= names
        self._left |= names
        await self._release(turns)

    async def _release(self, turns: Sequence[Turn]) -> None:
        with suppress(StorageError, TimeoutError):
            async with asyncio.timeout(_GIVE_BACK_SECONDS):
                await self._claims.give_back([turn.key for turn in turns])

    def _deliver_now_and_then(self) -> None:
        """So that what is late is noticed, and messages are tried again, though no sync ends."""
        if time.monotonic() - self._delivered_at > _DELIVER_SECONDS and self._delivering.done():
            self._delivered_at = time.monotonic()
            self._delivering = asyncio.ensure_future(self._notifier.deliver())

    def _away(self, error: StorageError) -> None:
        if self.goes_on:
            logger.warning("what is due cannot be asked, and is asked again: %s", error)
            self.pause_seconds = _LONGEST_PAUSE_SECONDS
            return
        self._left.clear()
        self._failed([end_of_error(error)])

    async def _read_again(self) -> None:
        """Where files have changed since, or slices that are found may have."""
        now, found = time.monotonic(), signature(self._reading.directory)
        is_old = self._roster.finds and now - self._read_at > _FIND_AGAIN_SECONDS
        if found == self._signature and not is_old and not self._is_stale:
            return
        is_changed = found != self._signature
        self._signature, self._read_at, self._is_stale = found, now, False
        try:
            roster = await self._claims.submit(self._read_and_register)
        except (ConfigurationError, StorageError) as error:
            # As before, until there is something else to be read.
            self._is_stale = isinstance(error, StorageError)
            logger.error("the files of sources cannot be read again, and are taken as they were: %s", error)
            return
        self._roster, self._parents = roster, _parents(roster)
        if is_changed:
            logger.info("the files of sources have changed: %d slices are to be kept fresh", len(roster.turns))
            self._failed(roster.ends)

    def _read_and_register(self) -> Roster:
        roster = self._reading.read()
        roster.keep_spiders(self._roster)
        # A source whose file cannot be read has not gone.
        is_whole = not any(end.code == exitcodes.BAD_CONFIGURATION for end in roster.ends)
        self._claims.register(roster, set(self._roster.sources) - set(roster.sources) if is_whole else ())
        return roster


def _parents(roster: Roster) -> Collection[str]:
    """The streams of whose records slices of others are made."""
    spiders = {turn.spider for turn in roster.turns.values()}
    return {parent for spider in spiders if (parent := spider.parent()) is not None}
