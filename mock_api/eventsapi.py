"""The two endpoints of events: from a request's values to an answer's, without a connection.

The order of the checks is a promise of its own: key, cache, rate window, then the request's form and its cursor, then
faults. So a fault befalls only requests that would have been answered well, and every one of them counts for the rate.
"""

from collections import deque
from dataclasses import dataclass

from mock_api.calls import Call
from mock_api.cursor import CursorExpiredError, CursorInvalidError, Cursors
from mock_api.faultplan import FaultPlan
from mock_api.faults import Fault
from mock_api.feed import Feed
from mock_api.limits import RateLimits
from mock_api.mishaps import answer_instead, damage_page, events_of, mark_delivery
from mock_api.pagecache import PageCache, cache_headers
from mock_api.pages import Page, Shape, render
from mock_api.replies import Reply, cursor_expired, error_reply
from mock_api.requestids import request_ids

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """How the feed presents itself."""

    seed: int
    shape: Shape = "nested"
    max_limit: int = 5_000
    cursor_ttl_ms: int = 120_000
    honour_since: bool = False
    honour_until: bool = False
    until_step_ms: int = 1
    claim_total: int | None = None
    latency_ms: float = 0
    cache: bool = False


class BadRequestError(Exception):
    """The request cannot be answered; carries the answer that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class EventsApi:
    """`GET events` and `GET events/{id}`."""

    def __init__(self, settings: FeedSettings, feed: Feed, limits: RateLimits, plan: FaultPlan) -> None:
        self._settings = settings
        self._feed = feed
        self._limits = limits
        self._plan = plan
        self._cursors = Cursors(settings.seed, settings.cursor_ttl_ms)
        self._cache = PageCache() if settings.cache else None
        self._request_ids = request_ids()
        self._recent_cursors: deque[str] = deque(maxlen=2)

    def page(self, call: Call) -> Reply:
        """A page of the feed."""
        now_ms = call.moment.monotonic_ms
        if self._cache is not None:
            cached = self._cache.get(call.key_or_none, call.target, now_ms)
            if cached is not None:
                return cached
        rate_fields, refusal = self._limits.admit(call.key_or_none, call.moment)
        if refusal is not None:
            return refusal
        try:
            reply = self._fresh_page(call)
        except BadRequestError as exc:
            reply = exc.reply
        if self._cache is not None and reply.status == 200 and not reply.faults:
            self._cache.put(call.key_or_none, call.target, now_ms, reply)
        reply.headers += rate_fields
        if reply.status == 200:
            reply.headers += cache_headers("MISS")
        return reply

    def single(self, call: Call, event_id: str) -> Reply:
        """One event by its id."""
        rate_fields, refusal = self._limits.admit(call.key_or_none, call.moment)
        if refusal is not None:
            return refusal
        faults = self._plan.pick("event")
        reply = answer_instead(faults, self._limits, call.moment)
        if reply is None:
            event = self._feed.find(event_id)
            not_found = error_reply(404, "Not Found", f"Event {event_id} not found", "EVENT_NOT_FOUND")
            reply = not_found if event is None else Reply(200, event)
        mark_delivery(reply, faults)
        reply.headers += rate_fields
        return reply

    def _fresh_page(self, call: Call) -> Reply:
        limit = min(_limit(call), self._settings.max_limit)
        oldest, stop = self._window(call)
        cursor = call.params.get("cursor") or None
        before_age = stop if cursor is None else min(stop, self._read_cursor(cursor, call))
        previous_cursor = self._remember(cursor)
        faults = self._plan.pick("events", cursor=cursor, previous_cursor=previous_cursor)
        reply = answer_instead(faults, self._limits, call.moment)
        if reply is None:
            ages = range(max(oldest, before_age - limit), max(oldest, before_age))
            page = self._page_of(ages, oldest, limit, faults, call)
            damage_page(page, faults, cursor, previous_cursor)
            reply = Reply(200, render(page, self._settings.shape), served=len(ages))
            reply.headers = [
                ("X-Request-ID", page.request_id),
                # Names the range, not the bytes: hashing 1.7 MB would cost more than making them.
                ("ETag", f'W/"{self._settings.seed:x}-{ages.start:x}-{ages.stop:x}"'),
            ]
            if not page.with_pagination:
                reply.headers.append(("X-Chaos-Applied", "missingFields"))
            reply.delay_ms = self._settings.latency_ms
        reply.before_age = before_age
        mark_delivery(reply, faults)
        return reply

    def _page_of(self, ages: range, oldest: int, limit: int, faults: list[Fault], call: Call) -> Page:
        chunks, returned = events_of(self._feed, ages, faults)
        has_more = ages.start > oldest
        claimed = self._settings.claim_total
        return Page(
            chunks=chunks,
            limit=limit,
            has_more=has_more,
            next_cursor=self._cursors.issue(ages.start, call.moment.epoch_ms) if has_more else None,
            cursor_expires_in=self._settings.cursor_ttl_ms // 1_000 if has_more else None,
            total=self._feed.total if claimed is None else claimed,
            returned=returned,
            request_id=next(self._request_ids),
        )

    def _window(self, call: Call) -> tuple[int, int]:
        """The ages that the request's `since` and `until` leave, as far as they are honoured."""
        since_ms = _integer(call, "since") if self._settings.honour_since else None
        until_ms = _integer(call, "until") if self._settings.honour_until else None
        if until_ms is not None:
            until_ms -= until_ms % self._settings.until_step_ms
        return self._feed.timeline.ages_between(since_ms, until_ms, self._feed.total)

    def _read_cursor(self, cursor: str, call: Call) -> int:
        try:
            return self._cursors.read(cursor, call.moment.epoch_ms)
        except CursorExpiredError as exc:
            raise BadRequestError(cursor_expired(exc.expired_ms_ago)) from exc
        except CursorInvalidError as exc:
            raise BadRequestError(error_reply(400, "Bad Request", "Invalid cursor", "CURSOR_INVALID")) from exc

    def _remember(self, cursor: str | None) -> str | None:
        """Note the request's cursor; return the last other one."""
        if cursor is not None and (not self._recent_cursors or self._recent_cursors[-1] != cursor):
            self._recent_cursors.append(cursor)
        return next((other for other in reversed(self._recent_cursors) if other != cursor), None)


def _limit(call: Call) -> int:
    limit = _integer(call, "limit")
    if limit is None:
        return DEFAULT_LIMIT
    if limit < 1:
        raise BadRequestError(error_reply(400, "Bad Request", "limit must be positive", "INVALID_LIMIT"))
    return limit


def _integer(call: Call, name: str) -> int | None:
    text = call.params.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as exc:
        raise BadRequestError(
            error_reply(400, "Bad Request", f"{name} must be an integer", f"INVALID_{name.upper()}")
        ) from exc
