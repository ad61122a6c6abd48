"""One page of a stream, out of the body of an answer.

Invariant: a body is a page only when it parses whole, has a list of records and says whether there is more; a truncated
body is never a shorter page, and an error is none. Records stay raw here, so that a bad one costs nobody but itself.

Null in place of the list is an empty one where the page says so: that it returned 0, or that there are 0 in all. Some
languages write an empty list so, and others whatever went wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from datasync_spider.api.errorinpage import find_error
from datasync_spider.api.event import ParsedEvents
from datasync_spider.api.meanings import Declared, find_meaning
from datasync_spider.api.pagefacts import PageFacts, read_facts
from datasync_spider.api.reading import REFUSALS, decode
from datasync_spider.api.recordreader import RawEvents, RecordReader
from datasync_spider.errors import PageUnreadable
from datasync_spider.reasons import NO_DATA_ARRAY, NOT_JSON, RETURNED_MISMATCH
from datasync_spider.sources.ends import direction
from datasync_spider.sources.paginators.protocol import Answer, Paginator
from datasync_spider.sources.paths import MISSING
from datasync_spider.sources.spec import MeaningRow, Stream

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Asked(msgspec.Struct, frozen=True):
    """What a page was asked for with: its URL, the position, and how many records, None where that is not said."""

    url: str
    position: str | None
    page_size: int | None


class Page(msgspec.Struct, frozen=True):
    """``has_more`` and ``next_cursor`` agree: there is a next position exactly where there is more.

    ``total`` is the API's count of all records, ``cursor_expires_in_seconds`` what it says of its cursor's life.
    ``unreadable_total`` is what it gave for a total, where that is no count.
    """

    raw_events: RawEvents
    reader: RecordReader
    next_cursor: str | None
    has_more: bool
    total: int | None = None
    request_id: str | None = None
    cursor_expires_in_seconds: float | None = None
    unreadable_total: str | None = None

    def parse(self) -> ParsedEvents:
        """All records of the page, made anew at each look."""
        return self.reader.parse(self.raw_events)


class PageReader:
    """Of one stream, made once a run. ``meanings``: what its source says of answers."""

    def __init__(self, stream: Stream, paginator: Paginator, meanings: Sequence[MeaningRow] = ()) -> None:
        self._stream = stream
        self._paginator = paginator
        self.meanings = meanings
        self.records = RecordReader.of(stream)
        facts = (*stream.total, *stream.returned, *stream.request_id, *stream.cursor_seconds, *_next_paths(stream))
        # The members of a body that say more of a page than its records may say as well that it is an error.
        self._around = tuple(sorted({path.steps[0] for path in facts if len(path.steps) > 1}, key=str))

    def read(self, body: bytes, headers: Mapping[str, Sequence[str]], asked: Asked) -> Page:
        """The page of a good answer. ``headers``: all values of each name, in lower case.

        Raises PageUnreadable for what is no page, Declared where its source says what it is, PageContradiction for one
        that does not say how it goes on.
        """
        records, rest = self.records.split(body.removeprefix(_BYTE_ORDER_MARK))
        try:
            around = decode(rest)
        except REFUSALS as error:
            raise PageUnreadable(NOT_JSON, str(error)) from error
        means = find_meaning(self.meanings, HTTPStatus.OK, around)
        if means not in {None, "page"}:
            raise Declared(means)
        if means is None and isinstance(around, dict):
            nested = [around.get(name) for name in self._around]
            found = find_error(around, nested, has_events=bool(records))
            if found is not None:
                raise found
        facts = read_facts(self._stream, around)
        if records is None:
            records = self._nothing(around, facts)
        if facts.returned is not None and facts.returned != len(records):
            raise PageUnreadable(RETURNED_MISMATCH, f"the page says {facts.returned} events and holds {len(records)}")
        answer = Answer(asked.url, headers, around, len(records), asked.page_size)
        following = direction(self._stream.end, answer, self._paginator.following(asked.position, answer))
        return Page(
            raw_events=records,
            reader=self.records,
            next_cursor=following,
            has_more=following is not None,
            total=facts.total,
            request_id=facts.request_id,
            cursor_expires_in_seconds=facts.cursor_expires_in_seconds,
            unreadable_total=facts.unreadable_total,
        )

    def _nothing(self, around: Any, facts: PageFacts) -> RawEvents:
        """The records of a page that has no list of them. Raises PageUnreadable."""
        found = {type(value) for path in self._stream.records if (value := path.read(around)) is not MISSING}
        if found != {type(None)}:
            raise PageUnreadable(NO_DATA_ARRAY)
        if not facts.says_empty:
            raise PageUnreadable(NO_DATA_ARRAY, "null stands for the events, and nothing says that there are 0")
        return []


def _next_paths(stream: Stream) -> tuple[Any, ...]:
    return (*stream.next.paths, *(flag.path for flag in stream.end.flags))
