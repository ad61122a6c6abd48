"""One page of the feed, out of the body of an answer.

Invariant: a body is a page only when it parses whole, is an object, has an array of events and says whether there is
more; a truncated body is never a shorter page. Events stay raw here, so that a bad one costs nobody but itself.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from datasync_spider.api import compiled
from datasync_spider.api.envelope import Envelope, Feed, read_feed
from datasync_spider.api.reasons import NO_DATA_ARRAY, NOT_JSON, RETURNED_MISMATCH
from datasync_spider.api.tolerant import split_page
from datasync_spider.errors import PageUnreadable

RawEvents: TypeAlias = "list[msgspec.Raw] | compiled.Events"
"""The bytes of each event within the body, not copied: they keep the whole body in memory."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Page(msgspec.Struct, frozen=True):
    """``has_more`` and ``next_cursor`` agree: there is a next cursor exactly where there is more.

    ``total`` is the API's count of all events, ``cursor_expires_in_seconds`` what it says of its cursor's life.
    """

    raw_events: RawEvents
    next_cursor: str | None
    has_more: bool
    total: int | None = None
    request_id: str | None = None
    cursor_expires_in_seconds: float | None = None


class _Body(Envelope):
    data: list[msgspec.Raw] | None = None
    events: list[msgspec.Raw] | None = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode


def read_page(body: bytes) -> Page:
    """Raises PageUnreadable for what is no page, PageContradiction for one that does not say how it goes on."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if compiled.IS_COMPILED and (found := compiled.split(text)) is not None:
        events, start, end = found
        return _page_around(events, b"".join((text[:start], b"[]", text[end:])))
    return read_page_by_decoder(text)


def read_page_by_decoder(text: bytes) -> Page:
    """The same for a page that the compiled reading left, or where there is none."""
    try:
        whole = _decode_body(text)
    except _REFUSALS:
        return read_page_tolerantly(text)
    return _page(whole.data if whole.data is not None else whole.events, read_feed(whole))


def read_page_tolerantly(text: bytes) -> Page:
    """The same for a page some of whose events the decoder cannot take; about ten times slower."""
    return _page_around(*split_page(text))


def _page_around(raw_events: RawEvents | None, rest: bytes) -> Page:
    """``rest`` is the page with nothing where its events were."""
    try:
        envelope = _decode_envelope(rest)
    except _REFUSALS as error:
        raise PageUnreadable(NOT_JSON, str(error)) from error
    return _page(raw_events, read_feed(envelope))


def _page(raw_events: RawEvents | None, feed: Feed) -> Page:
    if raw_events is None:
        raise PageUnreadable(NO_DATA_ARRAY)
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
    )
