"""The spider that every stream is: follows positions through its chain; hands over each page with what follows it.

Invariant: the spider decides where to go on, never what is saved. It starts where the run was opened (signal
run_opened), numbers its pages without a gap, and yields the next request before the page, so that fetching goes on
while the page is parsed and written. Only an incremental pass looks before it leaps: whether the page at hand is known
decides whether there is a next request at all.

Requests have a callback and an errback as in any spider, so how many bytes of pages may be under way, and what a crawl
that is closed waits for, is Scrapy's business (docs/decisions/0029).
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider

from datasync_spider import signals
from datasync_spider.errors import (
    ApiRefused,
    ConfigurationError,
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
from datasync_spider.items import EventPage, lazy_views, page_fields
from datasync_spider.observe import stats
from datasync_spider.records.headers import fill_headers, plain_headers
from datasync_spider.records.page import Page
from datasync_spider.sources.spec import SlicesFromStream
from datasync_spider.sources.timetexts import unit_us
from datasync_spider.spiders.chains import Chains, chains_of
from datasync_spider.spiders.conditions import conditions, validator_in
from datasync_spider.spiders.lookups import Lookups
from datasync_spider.spiders.walk import Step, Walk
from datasync_spider.storage.floor import walk_from
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.planning import source_plans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from datasync_spider.sources.spec import Source
    from datasync_spider.storage.runs import OpenRun

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
# Of the event loop, until Scrapy has taken a request through scheduler, middlewares and slot to the handler.
_TURNS_TO_LEAVE = 5


class StreamSpider(Spider):
    """Subclasses say what they crawl: ``source`` is one API, ``stream`` the name of one of its streams.

    ``plan``: what this crawl does, for all that take part in it.
    """

    source: ClassVar[Source | None] = None
    stream: ClassVar[str] = ""

    def __init__(self, plan: SyncPlan, lookups: Lookups) -> None:
        super().__init__()
        self.plan = plan
        self._headers = tuple((name.encode(), value.encode()) for name, value in plan.headers)
        self._run: OpenRun | None = None
        self._chains: Chains | None = None
        self._refusal: ApiRefused | None = None
        self._has_begun_anew = False
        self._lookups = lookups

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, plan: SyncPlan | None = None, **arguments: Any) -> Self:
        """``plan``: what is to be done, where the caller has made it already."""
        if crawler.settings.get("JOBDIR"):
            logger.warning("JOBDIR is not used: where this spider goes on is kept by the database")
            crawler.settings.set("JOBDIR", None, priority="cmdline")
        if plan is None:
            plan = _only(cls.make_plans(crawler.settings, arguments))
        if plan.parallel > 1:
            for name in ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"):
                crawler.settings.set(name, plan.parallel, priority="spider")
        spider = super().from_crawler(crawler, *args, plan, Lookups(crawler, plan.config))
        crawler.signals.connect(spider.run_opened, signals.run_opened)
        return spider

    @classmethod
    def make_plans(cls, settings: BaseSettings, arguments: Mapping[str, str]) -> list[SyncPlan]:
        """What crawls with these settings and arguments (``-a``) do, one for each slice.

        Raises ConfigurationError.
        """
        if cls.source is None:
            raise ConfigurationError(f"the spider {cls.name} has no source: give it one as its attribute source")
        if cls.stream not in cls.source.streams:
            there_are = ", ".join(cls.source.streams)
            raise ConfigurationError(
                f"the spider {cls.name} names the stream {cls.stream!r}; its source has {there_are}"
            )
        return source_plans(settings, cls.source, cls.stream, arguments)

    @classmethod
    def finds_slices(cls) -> bool:
        """Whether plans can be made only with the database, or at a cost, since slices do not stand in the source."""
        stream = None if cls.source is None else cls.source.streams.get(cls.stream)
        return stream is not None and stream.slices_from is not None

    @classmethod
    def parent(cls) -> str | None:
        """The name of the stream whose records this one's slices are made of."""
        stream = None if cls.source is None else cls.source.streams.get(cls.stream)
        origin = None if stream is None else stream.slices_from
        return f"{cls.source.name}.{origin.stream}" if cls.source and isinstance(origin, SlicesFromStream) else None

    def run_opened(self, run: OpenRun, **_: Any) -> None:
        """Takes in where the run starts."""
        self._run = run
        self._chains = chains_of(self.plan.stream, run.resume, is_backfill=run.is_backfill)

    async def start(self) -> AsyncIterator[Any]:
        if self._chains is None:
            raise CloseSpider("no_run")
        try:
            requests = self._first_requests(self._chains.begin())
        except DatasyncError as error:
            self._fail(error)
        for request in requests:
            yield request

    async def parse(self, response: Response) -> AsyncIterator[Any]:
        """The requests that follow, and the page."""
        self._refusal = None
        try:
            page, requests = await self._turn(response.meta["walk"], response)
        except DatasyncError as error:
            self._fail(error)
        for request in requests:
            yield request
        if requests:
            # The API works on it while the page is parsed, which for a small page happens on this event loop. Where
            # there is no room for another page, the request waits in the scheduler, and this one goes on.
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)
        if page is not None:
            cursor_seconds = response.meta["page"].cursor_expires_in_seconds if page.next_cursor is not None else None
            self.crawler.signals.send_catch_log(signals.page_fetched, page=page, cursor_seconds=cursor_seconds)
            logger.debug(
                "page %d: %d events in %d ms",
                page.number,
                page.received_events,
                page.fetch_ms,
                extra={"datasync": page_fields(page)},
            )
            yield page

    async def _not_answered(self, failure: Failure) -> AsyncIterator[Any]:
        """What is asked instead, where that is known."""
        request: Request = failure.request  # type: ignore[attr-defined] # Scrapy puts it there
        try:
            instead = await self._after_failure(request.meta["walk"], request, failure.value)
        except DatasyncError as error:
            self._fail(error)
        for again in instead:
            yield again

    def _fail(self, error: DatasyncError) -> NoReturn:
        """The position stays where the last commit has put it."""
        self.crawler.signals.send_catch_log(signals.run_failed, error=error)
        raise CloseSpider(getattr(error, "reason", "failed")) from error

    def _first_requests(self, walks: list[Walk]) -> list[Request]:
        return [self._first_request(walk) for walk in walks]

    def _first_request(self, walk: Walk) -> Request:
        """Where the chain begins, only if the page is not what the last complete pass began with."""
        request, run = self._request(walk, walk.first_cursor()), self._run
        if run is None or request.meta["validator_of"] is None or run.resume.walk > 1:
            return request
        for name, value in conditions(run.resume.validator, request.meta["validator_of"]):
            request.headers[name] = value.encode("latin-1")
            request.meta["is_conditional"] = True
        return request

    def _request(self, walk: Walk, cursor: str | None, until_ms: int | None = None) -> Request:
        since_us, before_ms = walk.since_us, until_ms
        if walk.bounds_ms is not None:
            since_us, before_ms = walk.bounds_ms[0] * 1_000, walk.bounds_ms[1]
        asked = self.plan.request(cursor, since_us=since_us, until_ms=before_ms)
        asks_on_condition = self.plan.stream.incremental.conditional and not self.plan.is_backfill
        is_first = cursor is None and until_ms is None
        request = Request(
            asked.url,
            method=asked.method,
            body=asked.body,
            callback=self.parse,
            errback=self._not_answered,
            dont_filter=True,
            meta={
                "asked": self.plan.asked(asked.url, cursor),
                "walk": walk,
                "cursor": cursor,
                "until_ms": until_ms,
                "since_us": since_us,
                "validator_of": self.plan.first_request_digest(since_us) if asks_on_condition and is_first else None,
                "page_number": walk.next_page,
                # What is to be escaped has been, where the URL was made.
                "verbatim_url": True,
                # A search by POST changes nothing.
                "only_reads": True,
            },
        )
        # Given to the constructor, they would take a quarter of its time.
        fill_headers(request.headers, self._headers)
        for name, value in asked.headers:
            request.headers[name] = value
        return request

    async def _after_failure(self, walk: Walk, request: Request, error: BaseException | None) -> list[Request]:
        """What is asked instead. Raises what ends the run: DatasyncErrors."""
        if isinstance(error, Stopped):
            return []
        if isinstance(error, WindowTooLarge):
            assert self._chains is not None
            return self._first_requests(self._chains.split(walk, error))
        if isinstance(error, Resync) and self.plan.stream.end.resumable and walk.begin_anew():
            logger.warning("all is read anew, in a full pass: %s", error)
            self._announce_walk(walk)
            return [self._request(walk, None)]
        if isinstance(error, CursorExpired | ApiRefused):
            return [await self._after_refusal(walk, request, error)]
        if isinstance(error, NotModified):
            await self._wait_for(signals.pass_unmodified)
            return []
        has_bookmark = self.plan.stream.incremental.type in {"resume", "window"}
        can_begin_anew = not (self._has_begun_anew or self.plan.is_backfill or has_bookmark)
        if isinstance(error, Resync) and can_begin_anew:
            return await self._begin_anew(walk, error)
        if isinstance(error, DatasyncError):
            raise error
        raise RetriesExhausted(type(error).__name__, "an error that is not retried", str(error)) from error

    async def _after_refusal(self, walk: Walk, request: Request, error: CursorExpired | ApiRefused) -> Request:
        """What is asked instead. Raises the error where that ends the run, or an earlier one that it confirms."""
        cursor = request.meta["cursor"]
        if isinstance(error, CursorExpired):
            if cursor is not None and cursor == walk.head:
                return self._give_up_position(walk, cursor, str(error))
            if cursor is not None:
                return await self._restart(walk)
        elif walk.is_stored_position(cursor) and _may_be_about_position(error):
            # Whether it is about the position shows when the head is asked: nothing is lost until that has answered.
            self._refusal = error
            return self._give_up_position(walk, cursor, str(error))
        if request.meta["until_ms"] is not None and (isinstance(error, CursorExpired) or _may_be_about_position(error)):
            walk.forget_until()
            logger.warning("the API does not take a filter by time, walking on from the head of the feed: %s", error)
            return self._request(walk, None)
        if self._refusal is not None:
            raise self._refusal from error
        raise error

    async def _begin_anew(self, walk: Walk, error: Resync) -> list[Request]:
        """The first request of a full pass; none where the run is being ended."""
        self._has_begun_anew = True
        logger.warning("position and floor are given up, and a full pass begins: %s", error)
        run = await self._wait_for(signals.resync_asked, after_page=walk.next_page - 1)
        if run is None:
            return []
        self._run = run
        walk.begin_pass(run.resume)
        self._announce_walk(walk)
        return [self._request(walk, None)]

    async def _wait_for(self, signal: object, **facts: Any) -> OpenRun | None:
        """Until the pipeline has done to the pass what the signal asks for. Raises what keeps it from that."""
        done: asyncio.Future[OpenRun | None] = asyncio.get_running_loop().create_future()
        self.crawler.signals.send_catch_log(signal, done=done, **facts)
        return await done

    def _give_up_position(self, walk: Walk, cursor: str | None, why: str) -> Request:
        is_bookmark = cursor == walk.head
        walk.give_up_position(cursor, self._since_of_new_walk(self._run.resume.floor_us if self._run else None))
        if is_bookmark:
            logger.warning("the durable token of the last sync is given up for a full pass: %s", why)
        else:
            logger.warning("the stored position is given up, walking on from the head of the feed: %s", why)
        self._announce_walk(walk)
        return self._request(walk, walk.head)

    def _since_of_new_walk(self, floor_us: int | None) -> int | None:
        return walk_from(self._run, floor_us) if self._run else None

    def _can_go_on_by_time(self) -> bool:
        """Whether what lies behind the oldest stored record can be asked for: only where they come newest first."""
        stream = self.plan.stream
        return (
            self.plan.takes("until")
            and stream.order == "newest-first"
            and stream.incremental.type not in {"resume", "window"}
            and not self.plan.is_backfill
        )

    def _announce_walk(self, walk: Walk) -> None:
        self.crawler.stats.inc_value(stats.RESTARTS_FROM_HEAD)
        self.crawler.signals.send_catch_log(signals.walk_restarted, walk=walk.number)

    async def _turn(self, walk: Walk, response: Response) -> tuple[EventPage | None, list[Request]]:
        """What an answer leads to: a page to hand over, requests to send, or both. Raises what ends the run."""
        assert self._chains is not None
        meta = response.meta
        page: Page = meta["page"]
        if walk.leaves_a_gap(page, meta["until_ms"]):
            logger.warning("the API filters by time in a way of its own; walking on from the head of the feed")
            return None, [self._request(walk, None)]
        if walk.ends_unproven(page, meta["cursor"]):
            why = "it is answered with an empty last page and no total"
            return None, [self._give_up_position(walk, meta["cursor"], why)]
        if walk.bounds_ms is not None and meta["cursor"] is None:
            # What is finer than the form of its bounds was not asked for.
            unit_ms = unit_us(self.plan.stream.incremental.format) // 1_000
            _check_window(page, walk.bounds_ms[0] - unit_ms, walk.bounds_ms[1] + unit_ms)
        elif walk.next_page == 1 and self.plan.is_backfill:
            _check_window(page, self.plan.since_ms, self.plan.until_ms)
        try:
            step = walk.step(page, meta["cursor"], meta["until_ms"])
        except CursorRepeated as error:
            if not walk.is_stored_position(meta["cursor"]):
                raise
            return None, [self._give_up_position(walk, meta["cursor"], str(error))]
        item = _item(response, page, step)
        self._warn_of_nothing(item)
        meta["page_number"] = item.number
        # Nothing is awaited since the page was numbered: what is said of the position goes with the number.
        begun = self._chains.take_in(walk, item, page.tail)
        if page.has_more and await self._is_known(item):
            item.ends_pass = "reached_known"
        following = [] if item.ends_pass or not page.has_more else [self._request(walk, item.next_cursor)]
        return item, following + self._first_requests(begun)

    def _warn_of_nothing(self, page: EventPage) -> None:
        """A wrong filter or right looks like an API that has nothing."""
        run = self._run
        is_first = page.number == 1 and page.ends_pass is not None and page.cursor is None
        if run is None or self.plan.is_built_in or not is_first or page.received_events or run.resume.pass_number != 1:
            return
        logger.warning(
            "the first sync of %s has met no record: there is none, or the API shows none to who asks in this way",
            run.slice,
        )

    async def _is_known(self, page: EventPage) -> bool:
        run = self._run
        if run is None or not run.resume.stops_at_known:
            return False
        return await self._lookups.is_known(page, run)

    async def _restart(self, walk: Walk) -> Request:
        """The first request of a new walk. Raises NoProgress where restarting does not help any more."""
        if self.plan.spec.since is not None:
            # Where the walk goes on follows from what is committed, and so does whether it has come any further.
            await self._wait_for(signals.commit_wanted, after_page=walk.next_page - 1)
        depth = await self._lookups.pass_depth(self._run) if self._run else None
        since_us = self._since_of_new_walk(depth.floor_us if depth else None)
        walk.restart(depth.accounted if depth else None, since_us)
        until_ms = walk.until_ms(depth.oldest_ms, depth.newest_ms) if depth and self._can_go_on_by_time() else None
        logger.warning(
            "the cursor has expired; walking on from %s",
            "the oldest stored event of this pass, if the API can filter by time"
            if until_ms
            else "where this chain has begun",
        )
        self._announce_walk(walk)
        return self._request(walk, walk.head, until_ms)


def _only(plans: Sequence[SyncPlan]) -> SyncPlan:
    if not plans:
        raise ConfigurationError("the stream has no slices now: none of the records is stored that they are made of")
    if len(plans) > 1:
        raise ConfigurationError(f"the stream {plans[0].spec.name} has {len(plans)} slices: name one with slice=…")
    return plans[0]


def _check_window(page: Page, since_ms: int | None, until_ms: int | None) -> None:
    """Raises FilterIgnored where no record of a first page that tells its time is from the window."""
    # Who counts in whole seconds takes a record of the next one for one at the bound.
    from_ms = -math.inf if since_ms is None else since_ms - _WHOLE_SECOND_MS
    to_ms = math.inf if until_ms is None else until_ms + _WHOLE_SECOND_MS
    times_ms = [time_us // 1000 for time_us in page.parse().times_us if time_us is not None]
    if times_ms and not any(from_ms <= time_ms <= to_ms for time_ms in times_ms):
        raise FilterIgnored(f"none of the {len(times_ms)} records of the first page lies in the window of time")


def _may_be_about_position(error: ApiRefused) -> bool:
    """Whether a refusal may be about what was asked, such as the cursor, and not about who asks or in which way."""
    return isinstance(error, CursorRefused) or error.status in _ABOUT_WHAT_IS_ASKED


def _item(response: Response, page: Page, step: Step) -> EventPage:
    meta = response.meta
    events, rejected = lazy_views(page)
    return EventPage(
        number=step.number,
        walk=step.walk,
        cursor=meta["cursor"],
        next_cursor=step.next_cursor,
        received_events=len(page.raw_events),
        events=events,
        rejected=rejected,
        ends_pass=None if page.has_more else "last_page",
        expected_total=step.expected_total,
        request_id=page.request_id,
        body_bytes=len(response.body),
        attempts=meta.get("attempts", 1),
        waited_ms=meta.get("waited_ms", 0),
        fetch_ms=round((time.monotonic() - meta["asked_at"]) * 1000),
        fetched_at=time.time(),
        total=page.total,
        since_us=meta["since_us"],
        validator=validator_in(plain_headers(response.headers), of) if (of := meta["validator_of"]) else None,
    )
