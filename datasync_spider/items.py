"""What travels from the spider to the writer: one item is one page of events with the cursor that follows it.

Invariant: a page knows its place. ``number`` counts the pages of a run from 1 without gaps, and the writer commits
pages in that order and no other, whatever item pipelines do in between.

Parsing is lazy: ``events`` and ``rejected`` are two views of one result that is made when someone first looks, which
is normally the writer's own thread. No I/O and no Scrapy here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import msgspec

from datasync_spider.records import compiled
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.records.modified import as_columns
from datasync_spider.records.page import Page
from datasync_spider.records.recordreader import RawEvents

_T = TypeVar("_T")


class LazyView(Sequence[_T], Generic[_T]):
    """A sequence that is made on first use. Assign a list of your own to the item's field to replace it."""

    __slots__ = ("_load",)

    def __init__(self, load: Callable[[], list[_T]]) -> None:
        self._load = load

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        return self._load()[index]

    def __len__(self) -> int:
        return len(self._load())

    def __iter__(self) -> Iterator[_T]:
        return iter(self._load())

    def __repr__(self) -> str:
        # Items are printed into logs; a page of payloads does not belong there.
        return "<lazy>"


class _ParseOnce:
    """Parses a page's raw events at most once, from whichever thread looks first."""

    def __init__(self, page: Page) -> None:
        self._raw_events: RawEvents | None = page.raw_events
        self._reader = page.reader
        self._received_us = page.received_us
        self._lock = threading.Lock()
        self._parsed: ParsedEvents | None = None
        self._events: list[Event] | None = None

    def plain(self) -> compiled.Events | None:
        with self._lock:
            raw = self._raw_events
            if raw is None or isinstance(raw, list) or self._events is not None or raw.fallbacks():
                return None
            return raw

    def unmodified(self) -> ParsedEvents | None:
        with self._lock:
            # Someone who had them in hand may have changed one.
            return self._parse() if self._events is None else None

    def events(self) -> list[Event]:
        with self._lock:
            if self._events is None:
                self._events = self._parse().events
            return self._events

    def rejected(self) -> list[RejectedEvent]:
        with self._lock:
            return self._parse().rejected

    def _parse(self) -> ParsedEvents:
        if self._parsed is None:
            assert self._raw_events is not None
            self._parsed = self._reader.parse(self._raw_events, self._received_us)
            # The slices pin the whole response body in memory; the payload copies do not.
            self._raw_events = None
        return self._parsed


class _EventsView(LazyView[Event]):
    """The events of a page, which are columns as long as no one looks at them as objects."""

    __slots__ = ("parse",)

    def __init__(self, parse: _ParseOnce) -> None:
        super().__init__(parse.events)
        self.parse = parse


class _RejectedView(LazyView[RejectedEvent]):
    """The rejected events of a page."""

    __slots__ = ("parse",)

    def __init__(self, parse: _ParseOnce) -> None:
        super().__init__(parse.rejected)
        self.parse = parse


@dataclass(slots=True, repr=False)
class EventPage:
    """One page of the feed.

    ``events``: what will be stored, as :class:`~datasync_spider.records.event.Event`; an item pipeline may replace it
    by a list with events left out or changed. What it leaves out is counted as filtered, what it makes unusable is
    rejected.
    ``cursor``: what the page was asked for with (None: the head). ``next_cursor``: what follows (None: nothing).
    ``ends_pass``: why no page follows in this pass: ``last_page`` or ``reached_known``; None while the chain goes on.
    ``expected_total``: the API's count of all events where this page speaks for the whole feed, else None; ``total``:
    the same count, whatever page this is.
    ``since_us``: what its chain asks from; None for the stream's own beginning. ``validator``: of a first page, by what
    the API reports later that it has not changed, and what it was asked with; None where it gives nothing for that.
    ``position``: where the run goes on once the page is committed, where ``next_cursor`` does not say all of it.
    ``bookmark``: of the page that ends a pass, what the next pass begins with. ``is_widened``: the page is of a pass
    that has begun anew as a full one, since the API had no use for what it began with.
    ``fetched_at``: seconds since the epoch; ``fetch_ms``: from request to whole body; ``waited_ms``: deliberate pauses.
    """

    number: int
    chain: int
    cursor: str | None
    next_cursor: str | None
    received_events: int
    events: Sequence[Event]
    rejected: Sequence[RejectedEvent]
    ends_pass: str | None = None
    expected_total: int | None = None
    request_id: str | None = None
    body_bytes: int = 0
    attempts: int = 1
    waited_ms: int = 0
    fetch_ms: int = 0
    fetched_at: float = field(default=0.0)
    total: int | None = None
    since_us: int | None = None
    validator: Mapping[str, str] | None = None
    position: str | None = None
    bookmark: str | None = None
    is_widened: bool = False

    def __repr__(self) -> str:
        return f"<EventPage {self.number}: {self.received_events} events>"

    def plain_events(self) -> compiled.Events | None:
        """The page's events as they came, where none needs the fallback and no one has had them in hand; else None."""
        events, rejected = self.events, self.rejected
        if isinstance(events, _EventsView) and isinstance(rejected, _RejectedView) and rejected.parse is events.parse:
            return events.parse.plain()
        return None

    def columns(self) -> ParsedEvents:
        """What will be stored as columns, and the rejected events, parsed now if they were not yet.

        Raises PageLost where an item pipeline has put something among the events that is none.
        """
        events, rejected = self.events, self.rejected
        if isinstance(events, _EventsView) and (unmodified := events.parse.unmodified()) is not None:
            if isinstance(rejected, _RejectedView) and rejected.parse is events.parse:
                return unmodified
            return msgspec.structs.replace(unmodified, rejected=list(rejected))
        return as_columns(self.number, events, list(rejected))

    def without_events(self) -> EventPage:
        """The page's place in the feed alone, for whoever keeps it longer than its events."""
        # Written out, for dataclasses.replace takes twelve times as long, for each page.
        return EventPage(
            number=self.number,
            chain=self.chain,
            cursor=self.cursor,
            next_cursor=self.next_cursor,
            received_events=self.received_events,
            events=(),
            rejected=(),
            ends_pass=self.ends_pass,
            expected_total=self.expected_total,
            request_id=self.request_id,
            body_bytes=self.body_bytes,
            attempts=self.attempts,
            waited_ms=self.waited_ms,
            fetch_ms=self.fetch_ms,
            fetched_at=self.fetched_at,
            total=self.total,
            since_us=self.since_us,
            validator=self.validator,
            position=self.position,
            bookmark=self.bookmark,
            is_widened=self.is_widened,
        )


def lazy_views(page: Page) -> tuple[Sequence[Event], Sequence[RejectedEvent]]:
    """The two fields of a page, ``events`` and ``rejected``, over one parse that has not happened yet."""
    parse = _ParseOnce(page)
    return _EventsView(parse), _RejectedView(parse)


def page_fields(page: EventPage) -> dict[str, Any]:
    """What identifies a page in a structured log line."""
    return {"page_number": page.number, "request_id": page.request_id}
