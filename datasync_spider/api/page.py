"""One page of the feed, out of the body of an answer.

Invariant: a body is a page only when it parses whole, is an object, has an array of events and says whether there is
more; a truncated body is never a shorter page, and an error is none. Events stay raw here, so that a bad one costs
nobody but itself.

Null in place of the array is an empty one where the page says so: that it returned 0, or that there are 0 in all. Some
languages write an empty list so, and others whatever went wrong.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from datasync_spider.api import compiled
from datasync_spider.api.envelope import Envelope, Feed, error_of, read_feed
from datasync_spider.api.numbers import exact_number
from datasync_spider.api.reasons import NO_DATA_ARRAY, NOT_JSON, RETURNED_MISMATCH
from datasync_spider.api.scrutiny import ID_NAMES, TIME_NAMES
from datasync_spider.api.tolerant import split_page
from datasync_spider.errors import PageUnreadable

RawEvents: TypeAlias = "list[msgspec.Raw] | compiled.Events"
"""The bytes of each event within the body, not copied: they keep the whole body in memory."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Page(msgspec.Struct, frozen=True):
    """``has_more`` and ``next_cursor`` agree: there is a next cursor exactly where there is more.

    ``total`` is the API's count of all events, ``cursor_expires_in_seconds`` what it says of its cursor's life.
    ``unreadable_total`` is what it gave for a total, where that is no count.
    """

    raw_events: RawEvents
    next_cursor: str | None
    has_more: bool
    total: int | None = None
    request_id: str | None = None
    cursor_expires_in_seconds: float | None = None
    unreadable_total: str | None = None


class _Body(Envelope):
    data: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    events: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


class _Around(Envelope):
    """A page whose events stand apart; what is left where they stood tells null from nothing."""

    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    events: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


if compiled.IS_COMPILED:
    SCANNER = compiled.Scanner(
        records=[["data"], ["events"]],
        ids=[[name] for name in ID_NAMES],
        times=[[name] for name in TIME_NAMES],
    )

_decode_body = msgspec.json.Decoder(_Body, float_hook=exact_number).decode
_decode_around = msgspec.json.Decoder(_Around, float_hook=exact_number).decode


def read_page(body: bytes) -> Page:
    """Raises PageUnreadable for what is no page, PageContradiction for one that does not say how it goes on."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if compiled.IS_COMPILED and (found := SCANNER.split(text)) is not None:
        events, start, end = found
        return _page_around(events, b"".join((text[:start], b"[]", text[end:])))
    return read_page_by_decoder(text)


def read_page_by_decoder(text: bytes) -> Page:
    """The same for a page that the compiled reading left, or where there is none."""
    try:
        whole = _decode_body(text)
    except _REFUSALS:
        return read_page_tolerantly(text)
    arrays = [array for array in (whole.data, whole.events) if isinstance(array, list)]
    # An empty array beside one that holds something is no page without events.
    raw_events = next(filter(None, arrays), arrays[0] if arrays else None)
    return _page(raw_events, whole, is_null=None in (whole.data, whole.events))


def read_page_tolerantly(text: bytes) -> Page:
    """The same for a page some of whose events the decoder cannot take; about ten times slower."""
    return _page_around(*split_page(text))


def _page_around(raw_events: RawEvents | None, rest: bytes) -> Page:
    """``rest`` is the page with nothing where its events were."""
    try:
        around = _decode_around(rest)
    except _REFUSALS as error:
        raise PageUnreadable(NOT_JSON, str(error)) from error
    given = {bytes(value) for value in (around.data, around.events) if isinstance(value, msgspec.Raw)}
    return _page(raw_events, around, is_null=given == {b"null"})


def _page(raw_events: RawEvents | None, envelope: Envelope, *, is_null: bool) -> Page:
    """``is_null``: nothing but null stands where the events should."""
    error = error_of(envelope, has_events=bool(raw_events))
    if error is not None:
        raise error
    feed = read_feed(envelope)
    if raw_events is None:
        raw_events = _nothing(feed, is_null=is_null)
    if feed.returned is not None and feed.returned != len(raw_events):
        raise PageUnreadable(RETURNED_MISMATCH, f"the page says {feed.returned} events and holds {len(raw_events)}")
    has_more, next_cursor = feed.direction()
    return Page(
        raw_events=raw_events,
        next_cursor=next_cursor,
        has_more=has_more,
        total=feed.total,
        request_id=feed.request_id,
        cursor_expires_in_seconds=feed.cursor_expires_in_seconds,
        unreadable_total=feed.unreadable_total,
    )


def _nothing(feed: Feed, *, is_null: bool) -> RawEvents:
    """The events of a page that has no array of them. Raises PageUnreadable."""
    if not is_null:
        raise PageUnreadable(NO_DATA_ARRAY)
    if not feed.says_empty:
        raise PageUnreadable(NO_DATA_ARRAY, "null stands for the events, and nothing says that there are 0")
    return []
