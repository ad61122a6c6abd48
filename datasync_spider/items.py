"""What travels from the spider to the writer: one item is one page of events with the cursor that follows it.

Invariant: a page knows its place. ``number`` counts the pages of a run from 1 without gaps, and the writer commits
pages in that order and no other, whatever item pipelines do in between.

Parsing is lazy, and not done here: ``events`` and ``rejected`` come out of the answer's page, which parses itself when
someone first looks. No I/O and no Scrapy here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from datasync_spider.records import compiled
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.records.modified import as_columns
from datasync_spider.records.page import Page

_T = TypeVar("_T")


class _OfPage(Generic[_T]):
    """A field that is given the answer's page, or a list; read, it is a list. The page is parsed at the first look."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._held = f"_{name}"

    def __get__(self, item: EventPage | None, owner: type | None = None) -> Sequence[_T]:
        if item is None:
            # To dataclasses: it has no default.
            raise AttributeError(self._name)
        held = getattr(item, self._held)
        records: Sequence[_T] = getattr(held, self._name)() if isinstance(held, Page) else held
        return records

    def __set__(self, item: EventPage, value: Sequence[_T] | Page) -> None:
        setattr(item, self._held, value)


@dataclass(repr=False)
class EventPage:
    """One page of the feed.

    ``events``: what will be stored, as :class:`~datasync_spider.records.event.Event`; an item pipeline may replace it
    by a list with events left out or changed. What it leaves out is counted as filtered, what it makes unusable is
    rejected.
    ``cursor``: what the page was asked for with (None: the head). ``next_cursor``: what follows (None: nothing).
    ``ends_pass``: why no page follows in this pass: ``last_page`` or ``reached_known``; None while the chain goes on.
    ``expected_total``: the API's count of all events where this page speaks for the whole feed, else None; ``total``:
    the same count, whatever page this is.
    ``since_us``: what its chain asks from; None for the stream's own beginning. ``validator``: of a first page, what
    the API knows later that it has not changed by, and what it was asked with; None where it gives nothing for that.
    ``position``: where the run goes on once the page is committed, where ``next_cursor`` does not say all of it.
    ``bookmark``: of the page that ends a pass, what the next pass begins with. ``is_widened``: the page is of a pass
    that has begun anew as a full one, since the API had no use for what it began with.
    ``is_stored``: all of its records were found stored just so, by a look before an item pipeline had them in hand.
    ``fetched_at``: seconds since the epoch; ``fetch_ms``: from request to whole body; ``waited_ms``: deliberate pauses.
    """

    number: int
    chain: int
    cursor: str | None
    next_cursor: str | None
    received_events: int
    events: _OfPage[Event] = _OfPage()
    rejected: _OfPage[RejectedEvent] = _OfPage()
    ends_pass: str | None = None
    expected_total: int | None = None
    request_id: str | None = None
    body_bytes: int = 0
    attempts: int = 1
    waited_ms: int = 0
    fetch_ms: int = 0
    fetched_at: float = 0.0
    total: int | None = None
    since_us: int | None = None
    validator: Mapping[str, str] | None = None
    position: str | None = None
    bookmark: str | None = None
    is_widened: bool = False
    is_stored: bool = False

    # What the two fields hold, and whose page it is. No fields themselves, hence not of an instance, in the eyes of
    # dataclasses.
    _events: ClassVar[Any]
    _rejected: ClassVar[Any]
    _sync: ClassVar[Any] = None

    def __repr__(self) -> str:
        return f"<EventPage {self.number}: {self.received_events} events>"

    @property
    def sync(self) -> Any:
        """The sync that stores it; None where it is not known, as of one that an item pipeline has made."""
        return self._sync

    @sync.setter
    def sync(self, sync: Any) -> None:
        vars(self)["_sync"] = sync

    def plain_events(self) -> compiled.Events | None:
        """The page's events as they came, where none needs the fallback and no one has had them in hand; else None."""
        page = self._page()
        return page.plain() if page is not None and self._rejected is page else None

    def columns(self) -> ParsedEvents:
        """What will be stored as columns, and the rejected events, parsed now if they were not yet.

        Raises PageLost where an item pipeline has put something among the events that is none.
        """
        page = self._page()
        unmodified = None if page is None else page.unmodified()
        if unmodified is None:
            return as_columns(self.number, self.events, list(self.rejected))
        return (
            unmodified if self._rejected is page else msgspec.structs.replace(unmodified, rejected=list(self.rejected))
        )

    def _page(self) -> Page | None:
        """What the events come out of, where no list has taken their place."""
        return self._events if isinstance(self._events, Page) else None

    @property
    def _is_as_it_came(self) -> bool:
        page = self._page()
        return page is not None and self._rejected is page and not page.is_in_hand

    def without_events(self) -> EventPage:
        """The page's place in the feed alone, for a caller that keeps it longer than the events."""
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
            is_stored=self.is_stored and self._is_as_it_came,
        )


def page_fields(page: EventPage) -> dict[str, Any]:
    """What identifies a page in a structured log line."""
    return {"page_number": page.number, "request_id": page.request_id}
