"""What a slice's answers lead to: a page with its place in the run, and what is asked for next, or instead.

Invariant: decided here is where to go on, never what is saved. A sync starts where its run was opened, and its pages
are numbered without a gap. Only an incremental pass looks before it leaps: whether the page at hand is known decides
whether anything is asked for after it at all.
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

from datasync_spider.errors import (
    ApiRefused,
    CursorExpired,
    CursorRefused,
    CursorRepeated,
    DatasyncError,
    FilterIgnored,
    NotModified,
    Resync,
    RetriesExhausted,
    Stopped,
    WindowTooLarge,
)
from datasync_spider.sources.timetexts import unit_us
from datasync_spider.storage.floor import chain_from
from datasync_spider.sync.chain import Chain, chains_of
from datasync_spider.sync.conditions import conditions, validator_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasync_spider.items import EventPage
    from datasync_spider.records.page import Page
    from datasync_spider.sources.spec import Pairs
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.observer import Observer
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.storage import SliceStorage

logger = logging.getLogger(__name__)

# Also of a cursor that makes the address too long for the server.
_ABOUT_WHAT_IS_ASKED = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
_WHOLE_SECOND_MS = 1_000

HeadersOf: TypeAlias = "Callable[[], Mapping[str, str]]"
"""Gives the headers of an answer, by lower-case names."""


class Ask(Struct, frozen=True):
    """A page that is to be asked for: the one at ``cursor`` (None: the head) of a chain.

    ``since_us``, ``before_ms``: the bounds of time that go into the request. ``until_ms``: where the chain goes on by
    time instead of a cursor. ``first_digest``: of a first page that may be asked for only if it has changed, what
    distinguishes such requests. ``conditions``: the headers that do so.
    """

    chain: Chain
    cursor: str | None
    since_us: int | None
    before_ms: int | None
    until_ms: int | None
    page_number: int
    first_digest: str | None = None
    conditions: Pairs = ()


class Passes(Protocol):
    """What may become of the run's pass between two pages."""

    async def commit(self, after_page: int) -> OpenRun | None:
        """The run, when the page and all before it are committed; None where it ends."""
        ...

    async def begin_anew(self, after_page: int) -> OpenRun | None:
        """The run in a new, full pass, when all that was fetched is committed; None where it ends."""
        ...

    async def end_unmodified(self) -> None:
        """The API says that nothing has changed: the run and its pass are complete."""
        ...


class Fetching:
    """Of one run. What ends it is raised: DatasyncErrors."""

    def __init__(self, plan: SyncPlan, run: OpenRun, storage: SliceStorage, observer: Observer, passes: Passes) -> None:
        self._plan = plan
        self._run = run
        self._storage = storage
        self._observer = observer
        self._passes = passes
        self._chains = chains_of(plan.stream, run.resume, is_backfill=run.is_backfill)
        self._refusal: ApiRefused | None = None
        self._has_begun_anew = False

    def first(self) -> list[Ask]:
        """What the run begins with."""
        return self._first_of(self._chains.begin())

    async def answered(self, ask: Ask, page: Page, item: EventPage, headers: HeadersOf) -> list[Ask]:
        """Gives the item its place in the run, which it has not (number 0) where the page is of no use; what follows.

        ``headers``: gives those of the answer, by lower-case names.
        """
        self._refusal = None
        chain = ask.chain
        if chain.leaves_a_gap(page, ask.until_ms):
            logger.warning("the API filters by time in a way of its own; going on from the head of the feed")
            return [self._ask(chain, None)]
        if chain.ends_unproven(page, ask.cursor):
            return [self._give_up_position(chain, ask.cursor, "it is answered with an empty last page and no total")]
        self._check_window(ask, page)
        try:
            chain.take_in(page, item, ask.until_ms)
        except CursorRepeated as error:
            if not chain.is_stored_position(ask.cursor):
                raise
            return [self._give_up_position(chain, ask.cursor, str(error))]
        item.ends_pass = None if page.has_more else "last_page"
        item.since_us = ask.since_us
        if ask.first_digest is not None:
            item.validator = validator_in(headers(), ask.first_digest)
        self._warn_of_nothing(item)
        # Nothing is awaited since the page was numbered: what is said of the position goes with the number.
        begun = self._chains.take_in(chain, item, page.tail)
        if page.has_more and self._run.resume.stops_at_known and await self._storage.is_known(item, self._run):
            item.ends_pass = "reached_known"
        following = [] if item.ends_pass or not page.has_more else [self._ask(chain, item.next_cursor)]
        return following + self._first_of(begun)

    async def not_answered(self, ask: Ask, error: BaseException | None) -> list[Ask]:
        """What is asked for instead."""
        chain = ask.chain
        if isinstance(error, Stopped):
            return []
        if isinstance(error, WindowTooLarge):
            return self._first_of(self._chains.split(chain, error))
        if isinstance(error, Resync) and self._plan.stream.end.resumable and chain.begin_anew():
            logger.warning("all is read anew, in a full pass: %s", error)
            self._observer.chain_restarted(chain.number)
            return [self._ask(chain, None)]
        if isinstance(error, CursorExpired | ApiRefused):
            return [await self._after_refusal(ask, error)]
        if isinstance(error, NotModified):
            await self._passes.end_unmodified()
            return []
        has_bookmark = self._plan.stream.incremental.type in {"resume", "window"}
        can_begin_anew = not (self._has_begun_anew or self._plan.is_backfill or has_bookmark)
        if isinstance(error, Resync) and can_begin_anew:
            return await self._begin_anew(chain, error)
        if isinstance(error, DatasyncError):
            raise error
        raise RetriesExhausted(type(error).__name__, "an error that is not retried", str(error)) from error

    # What is asked for

    def _first_of(self, chains: list[Chain]) -> list[Ask]:
        """Where chains begin; only if the page is not what the last complete pass began with."""
        return [self._ask(chain, chain.first_cursor(), is_first=True) for chain in chains]

    def _ask(self, chain: Chain, cursor: str | None, until_ms: int | None = None, *, is_first: bool = False) -> Ask:
        since_us, before_ms = chain.since_us, until_ms
        if chain.bounds_ms is not None:
            since_us, before_ms = chain.bounds_ms[0] * 1_000, chain.bounds_ms[1]
        digest: str | None = None
        headers: Pairs = ()
        is_at_head = cursor is None and until_ms is None
        if is_at_head and self._plan.stream.incremental.conditional and not self._plan.is_backfill:
            digest = self._plan.first_request_digest(since_us)
            if is_first and self._run.resume.chain <= 1:
                headers = conditions(self._run.resume.validator, digest)
        return Ask(chain, cursor, since_us, before_ms, until_ms, chain.next_page, digest, headers)

    # What else an answer may mean

    def _check_window(self, ask: Ask, page: Page) -> None:
        bounds_ms = ask.chain.bounds_ms
        if bounds_ms is not None and ask.cursor is None:
            # What is finer than the form of its bounds was not asked for.
            unit_ms = unit_us(self._plan.stream.incremental.format) // 1_000
            _check_times(page, bounds_ms[0] - unit_ms, bounds_ms[1] + unit_ms)
        elif ask.chain.next_page == 1 and self._plan.is_backfill:
            _check_times(page, self._plan.since_ms, self._plan.until_ms)

    def _warn_of_nothing(self, page: EventPage) -> None:
        """A wrong filter or right looks like an API that has nothing."""
        is_first = page.number == 1 and page.ends_pass is not None and page.cursor is None
        if not is_first or page.received_events or self._plan.is_built_in or self._run.resume.pass_number != 1:
            return
        logger.warning(
            "the first sync of %s has met no record: there is none, or the API shows none to who asks in this way",
            self._run.slice,
        )

    async def _after_refusal(self, ask: Ask, error: CursorExpired | ApiRefused) -> Ask:
        """What is asked for instead. Raises the error where that ends the run, or an earlier one that it confirms."""
        chain, cursor = ask.chain, ask.cursor
        if isinstance(error, CursorExpired):
            if cursor is not None and cursor == chain.head:
                return self._give_up_position(chain, cursor, str(error))
            if cursor is not None:
                return await self._restart(chain)
        elif chain.is_stored_position(cursor) and _may_be_about_position(error):
            # Whether it is about the position shows when the head is asked: nothing is lost until that has answered.
            self._refusal = error
            return self._give_up_position(chain, cursor, str(error))
        if ask.until_ms is not None and (isinstance(error, CursorExpired) or _may_be_about_position(error)):
            chain.forget_until()
            logger.warning("the API does not take a filter by time, going on from the head of the feed: %s", error)
            return self._ask(chain, None)
        if self._refusal is not None:
            raise self._refusal from error
        raise error

    async def _begin_anew(self, chain: Chain, error: Resync) -> list[Ask]:
        """The first page of a full pass; none where the run is being ended."""
        self._has_begun_anew = True
        logger.warning("position and floor are given up, and a full pass begins: %s", error)
        run = await self._passes.begin_anew(after_page=chain.next_page - 1)
        if run is None:
            return []
        self._run = run
        chain.begin_pass(run.resume)
        self._observer.chain_restarted(chain.number)
        return [self._ask(chain, None)]

    def _give_up_position(self, chain: Chain, cursor: str | None, why: str) -> Ask:
        is_bookmark = cursor == chain.head
        chain.give_up_position(cursor, chain_from(self._run, self._run.resume.floor_us))
        if is_bookmark:
            logger.warning("the durable token of the last sync is given up for a full pass: %s", why)
        else:
            logger.warning("the stored position is given up, going on from the head of the feed: %s", why)
        self._observer.chain_restarted(chain.number)
        return self._ask(chain, chain.head)

    async def _restart(self, chain: Chain) -> Ask:
        """The first page of a new chain. Raises NoProgress where restarting does not help any more."""
        if self._plan.spec.since is not None:
            # Where the chain goes on follows from what is committed, and so does whether it has come any further.
            await self._passes.commit(after_page=chain.next_page - 1)
        depth = await self._storage.pass_depth(self._run)
        chain.restart(depth.accounted if depth else None, chain_from(self._run, depth.floor_us if depth else None))
        until_ms = chain.until_ms(depth.oldest_ms, depth.newest_ms) if depth and self._can_go_on_by_time() else None
        logger.warning(
            "the cursor has expired; going on from %s",
            "the oldest stored event of this pass, if the API can filter by time"
            if until_ms
            else "where this chain has begun",
        )
        self._observer.chain_restarted(chain.number)
        return self._ask(chain, chain.head, until_ms)

    def _can_go_on_by_time(self) -> bool:
        """Whether what lies behind the oldest stored record can be asked for: only where they come newest first."""
        stream = self._plan.stream
        return (
            self._plan.takes("until")
            and stream.order == "newest-first"
            and stream.incremental.type not in {"resume", "window"}
            and not self._plan.is_backfill
        )


def _check_times(page: Page, since_ms: int | None, until_ms: int | None) -> None:
    """Raises FilterIgnored where no record of a first page that has a time is from the window."""
    # Who counts in whole seconds takes a record of the next one for one at the bound.
    from_ms = -math.inf if since_ms is None else since_ms - _WHOLE_SECOND_MS
    to_ms = math.inf if until_ms is None else until_ms + _WHOLE_SECOND_MS
    times_ms = [time_us // 1000 for time_us in page.parse().times_us if time_us is not None]
    if times_ms and not any(from_ms <= time_ms <= to_ms for time_ms in times_ms):
        raise FilterIgnored(f"none of the {len(times_ms)} records of the first page lies in the window of time")


def _may_be_about_position(error: ApiRefused) -> bool:
    """Whether a refusal may be about what was asked, such as the cursor, and not about who asks or in which way."""
    return isinstance(error, CursorRefused) or error.status in _ABOUT_WHAT_IS_ASKED
