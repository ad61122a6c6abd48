"""One page of a stream, out of the body of an answer.

Invariant: a body is a page only when it parses whole, has a list of records and says whether there is more; a truncated
body is never a shorter page, and an error is none. Records stay raw here, so that a bad one costs nothing but itself.

Null in place of the list is an empty one where the page says so: that it returned 0, or that there are 0 in all. Some
languages write an empty list so, and others whatever went wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import NO_DATA_ARRAY, NOT_JSON, RETURNED_MISMATCH
from datasync_spider.records import compiled
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.records.exactjson import REFUSALS, decode, decoded
from datasync_spider.records.pagefacts import (
    Declared,
    find_error,
    find_meaning,
    meaning_of_error,
    read_request_id,
    read_returned,
    read_seconds,
    read_total,
)
from datasync_spider.records.recordreader import RawEvents, RecordReader
from datasync_spider.sources.paginators.protocol import Answer, Paginator, direction
from datasync_spider.sources.paginators.tailed import durable_token
from datasync_spider.sources.paths import MISSING, Path
from datasync_spider.sources.spec import Budget, Meaning, MeaningRow, Next, Stream

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What an answer may mean and be a page. Whatever records it has are kept, also where it need not have any.
_NEED_NO_RECORDS: Final = frozenset({"empty", "end"})
_PAGES: Final = frozenset({"page", *_NEED_NO_RECORDS})


class Asked(msgspec.Struct, frozen=True):
    """What a page was asked for with: its URL, the position, and how many records, None where that is not said."""

    url: str
    position: str | None
    page_size: int | None


class Page(msgspec.Struct, eq=False):
    """``has_more`` and ``next_cursor`` agree: there is a next position exactly where there is more.

    ``total`` is the API's count of all records, ``cursor_expires_in_seconds`` what it says of its cursor's life.
    ``unreadable_total`` is what it gave for a total, where that is no count. ``asked_wait``: what stands where its
    source's budget looks for a wait. ``tail``: of the last page of a stream that can be resumed, the position that a
    later sync goes on from. ``received_us``: when it came, by our clock, for records without a time.

    Its records are parsed once, by whichever thread looks first; that is normally the one that prepares rows.
    """

    raw_events: RawEvents
    reader: RecordReader
    next_cursor: str | None
    has_more: bool
    total: int | None = None
    request_id: str | None = None
    cursor_expires_in_seconds: float | None = None
    unreadable_total: str | None = None
    asked_wait: Any = None
    tail: str | None = None
    received_us: int | None = None
    _lock: Any = msgspec.field(default_factory=threading.Lock)
    _parsed: ParsedEvents | None = None
    _events: list[Event] | None = None

    def parse(self) -> ParsedEvents:
        """All records of the page."""
        with self._lock:
            return self._parse()

    def plain(self) -> compiled.Events | None:
        """The records as they came, where none needs the fallback and no one has had them in hand; else None."""
        with self._lock:
            raw = self.raw_events
            return None if isinstance(raw, list) or self._events is not None or raw.fallbacks() else raw

    @property
    def is_in_hand(self) -> bool:
        """Whether someone has had the records, and may have changed one."""
        return self._events is not None

    def unmodified(self) -> ParsedEvents | None:
        """The records as columns, where no one has had them in hand, and may have changed one; else None."""
        with self._lock:
            return self._given_up() if self._events is None else None

    def events(self) -> list[Event]:
        """The usable records as objects, the same ones at each look."""
        with self._lock:
            if self._events is None:
                self._events = self._given_up().events
            return self._events

    def rejected(self) -> list[RejectedEvent]:
        """The rejected ones."""
        with self._lock:
            return self._given_up().rejected

    def _given_up(self) -> ParsedEvents:
        """Parsed for what will be stored: no one asks for the bytes any more, and they pin the whole body in memory."""
        parsed = self._parse()
        self.raw_events = []
        return parsed

    def _parse(self) -> ParsedEvents:
        if self._parsed is None:
            self._parsed = self.reader.parse(self.raw_events, self.received_us)
        return self._parsed


class PageReader:
    """Of one stream, made once a run.

    ``meanings``: what its source says of answers; ``budget``: of limits. ``end_statuses``: of answers that end a chain
    without being pages.
    """

    def __init__(
        self,
        stream: Stream,
        paginator: Paginator,
        meanings: Sequence[MeaningRow] = (),
        budget: Budget | None = None,
    ) -> None:
        self._stream = stream
        self._paginator = paginator
        self.meanings = meanings
        self.budget = budget
        self.records = RecordReader.of(stream)
        self.end_statuses = frozenset(stream.end.statuses)
        self._first = _first(stream)
        sources = {step.source for step in _steps(stream)}
        self._looks_at_last = not sources.isdisjoint({"last", "python"})
        tail = () if stream.tail is None else (stream.tail.source,)
        self.looks_at_headers = not {*sources, *tail}.isdisjoint({"header", "link", "python"})
        """Whether it matters what :meth:`read` is given as headers."""
        facts = (*stream.total, *stream.returned, *stream.request_id, *stream.cursor_seconds, *_next_paths(stream))
        # The members of a body that say more of a page than its records may say as well that it is an error.
        self._around = tuple(sorted({path.steps[0] for path in facts if len(path.steps) > 1}, key=str))

    def read(
        self, body: bytes, headers: Mapping[str, Sequence[str]], asked: Asked, means: Meaning | None = None
    ) -> Page:
        """The page of an answer. ``headers``: all values of each name, in lower case.

        ``means``: what its source says of it, where that is known already. Raises PageUnreadable for what is no page,
        Declared where its source says what it is, PageContradiction for one that does not say how it goes on.
        """
        try:
            records, rest = self.records.split(body.removeprefix(_BYTE_ORDER_MARK))
            around = _decoded(rest)
        except PageUnreadable:
            means = means or meaning_of_error(self.meanings, HTTPStatus.OK, body)
            if means in {None, "page"}:
                raise
            records, rest, around = None, body, None
        means = means or find_meaning(self.meanings, HTTPStatus.OK, rest, around)
        if means is not None and means not in _PAGES:
            raise Declared(means)
        if means is None and isinstance(around, dict):
            nested = [around.get(name) for name in self._around]
            found = find_error(around, nested, has_events=bool(records))
            if found is not None:
                raise found
        stream = self._stream
        total, unreadable_total = read_total(stream.total, around)
        returned = read_returned(stream.returned, around)
        if records is None:
            says_empty = returned == 0 or (returned is None and total == 0)
            records = [] if means in _NEED_NO_RECORDS else self._nothing(around, says_empty=says_empty)
        if returned is not None and returned != len(records):
            raise PageUnreadable(RETURNED_MISMATCH, f"the page says {returned} events and holds {len(records)}")
        answer = Answer(asked.url, headers, around, len(records), asked.page_size, self._last(records))
        # A source that calls an answer the end says so whatever else the answer says.
        named = None if means == "end" else self._paginator.following(asked.position, answer)
        following = self._following(means, answer, asked, named)
        tail = None
        if following is None and stream.end.resumable:
            tail = durable_token(self._paginator, asked.position, answer, named)
        return Page(
            raw_events=records,
            reader=self.records,
            next_cursor=following,
            has_more=following is not None,
            total=total,
            request_id=read_request_id(stream.request_id, around),
            cursor_expires_in_seconds=read_seconds(stream.cursor_seconds, around),
            unreadable_total=unreadable_total,
            asked_wait=self._asked_wait(around),
            tail=tail,
        )

    def _asked_wait(self, around: Any) -> Any:
        place = None if self.budget is None else self.budget.body_wait
        return None if place is None or (found := place.read(around)) is MISSING else found

    def _following(self, means: Meaning | None, answer: Answer, asked: Asked, named: str | None) -> str | None:
        """The position that follows; ``named``: what the paginator says of the answer. Raises PageContradiction."""
        if means == "end":
            return None
        end = self._stream.end
        if means == "empty":
            # Its source knows this answer, which may have nothing else to say.
            end = replace(end, no_next=True)
        position = self._first if asked.position is None else asked.position
        return direction(end, answer, named, position)

    def end(self, asked: Asked) -> Page:
        """What an answer is that ends the chain by its status: a page without records.

        What it was asked with is its token, unless the stream has that in a place of its own: then there is none.
        """
        tail = asked.position if self._stream.end.resumable and self._stream.tail is None else None
        return Page(raw_events=[], reader=self.records, next_cursor=None, has_more=False, tail=tail)

    def _last(self, records: RawEvents) -> Any:
        """The last record, for a stream whose next positions are made of it."""
        return decoded(bytes(records[len(records) - 1])) if self._looks_at_last and records else None

    def _nothing(self, around: Any, *, says_empty: bool) -> RawEvents:
        """The records of a page that has no list of them. Raises PageUnreadable."""
        found = {type(value) for path in self._stream.records if (value := path.read(around)) is not MISSING}
        if found != {type(None)}:
            raise PageUnreadable(NO_DATA_ARRAY)
        if not says_empty and not self._stream.shape.null_is_empty:
            raise PageUnreadable(NO_DATA_ARRAY, "null stands for the events, and nothing says that there are 0")
        return []


def _decoded(text: bytes) -> Any:
    try:
        return decode(text)
    except REFUSALS as error:
        raise PageUnreadable(NOT_JSON, str(error)) from error


def _next_paths(stream: Stream) -> tuple[Path, ...]:
    in_body = (step for step in _steps(stream) if step.source != "last")
    tail = () if stream.tail is None else stream.tail.paths
    return (*(path for step in in_body for path in step.paths), *tail, *(flag.path for flag in stream.end.flags))


def _steps(stream: Stream) -> tuple[Next, ...]:
    return (stream.next, *stream.next.beside)


def _first(stream: Stream) -> str | None:
    """What the first page is asked with in place of a position, be it by ``first`` or by a parameter of its own."""
    if stream.next.first is not None:
        return str(stream.next.first)
    return dict(stream.query).get(stream.next.parameter) if stream.next.to == "query" else None
