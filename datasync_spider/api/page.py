"""A response body as a page: its events, still raw, and where the feed goes on.

A body is a page only when it parses whole, is an object with an array of events, and says whether there is more; where it
tells how many it returned, that must be so. Everything else is PageUnreadable, or PageContradiction where it parses but denies
itself. Invariant: a page is never shorter than the server made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from datasync_spider.api.tolerant import split_body
from datasync_spider.errors import PageContradiction, PageUnreadable

RawEvent: TypeAlias = msgspec.Raw | bytes
_BOM = b"\xef\xbb\xbf"


class _Body(msgspec.Struct):
    """Every name that is in use, nested or flat. Any: their types are looked at one by one, an odd one is not an error."""

    data: list[msgspec.Raw] | None = None
    events: list[msgspec.Raw] | None = None
    pagination: Any = None
    meta: Any = None
    hasMore: Any = None  # noqa: N815 - the API's name
    has_more: Any = None
    nextCursor: Any = None  # noqa: N815
    next_cursor: Any = None
    cursorExpiresIn: Any = None  # noqa: N815
    cursor_expires_in: Any = None
    total: Any = None
    returned: Any = None
    requestId: Any = None  # noqa: N815
    request_id: Any = None


class Page(msgspec.Struct, frozen=True):
    """``next_cursor`` is a text exactly where ``has_more`` is true. ``total`` counts the events of the whole feed.

    ``all_plain``: :func:`is_plain` holds of the whole body, and so of each event.
    """

    raw_events: list[RawEvent]
    next_cursor: str | None
    has_more: bool
    total: int | None = None
    request_id: str | None = None
    cursor_expires_in_seconds: float | None = None
    all_plain: bool = False


_decode = msgspec.json.Decoder(_Body).decode


def read_page(body: bytes) -> Page:
    """The page in this body. Raises PageUnreadable or PageContradiction."""
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise PageUnreadable("empty_body")
    try:
        top = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # One event that JSON libraries choke on must not cost the others.
        return _read_tolerantly(body, str(error))
    events = top.data if top.data is not None else top.events
    if events is None:
        raise PageUnreadable("no_data_array")
    return _page(msgspec.structs.asdict(top), list(events), all_plain=is_plain(body))


def is_plain(text: bytes) -> bool:
    """Whether nothing in these bytes can be half a character, NUL or invalid UTF-8: true of nearly every page."""
    return text.isascii() and b"\\u" not in text


def _read_tolerantly(body: bytes, why: str) -> Page:
    members = split_body(body, why)
    fields: dict[str, Any] = {}
    for name in _Body.__struct_fields__:
        if name in members and name not in {"data", "events"}:
            try:
                fields[name] = msgspec.json.decode(bytes(members[name]))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise PageUnreadable("not_json", f"{name}: {error}") from error
    events = next((members[name] for name in ("data", "events") if isinstance(members.get(name), list)), None)
    if not isinstance(events, list):
        raise PageUnreadable("no_data_array")
    return _page(fields, list(events))


def _page(top: Mapping[str, Any], events: list[RawEvent], *, all_plain: bool = False) -> Page:
    pagination = top.get("pagination")
    meta = top.get("meta")
    places = [place for place in (pagination, meta, top) if isinstance(place, Mapping)]
    returned = _told(places, int, "returned")
    if returned is not None and returned != len(events):
        raise PageUnreadable("returned_mismatch", f"the page tells {returned} events and holds {len(events)}")
    has_more = _told(places, bool, "hasMore", "has_more")
    cursor = _cursor(places)
    if has_more is None and cursor is None:
        raise PageContradiction("neither_has_more_nor_cursor")
    if has_more and cursor is None:
        raise PageContradiction("has_more_without_cursor")
    goes_on = cursor is not None and has_more is not False
    expires = _told(places, (int, float), "cursorExpiresIn", "cursor_expires_in")
    return Page(
        raw_events=events,
        # The end is the end: a cursor beside hasMore=false leads past it, to nothing or to the head again.
        next_cursor=cursor if goes_on else None,
        has_more=goes_on,
        total=_told(places, int, "total"),
        request_id=_told(places, str, "requestId", "request_id"),
        cursor_expires_in_seconds=None if expires is None else float(expires),
        all_plain=all_plain,
    )


def _told(places: list[Mapping[str, Any]], kind: type | tuple[type, ...], *names: str) -> Any:
    for place in places:
        for name in names:
            value = place.get(name)
            # To Python, True is an int; to JSON it is none.
            if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
                return value
    return None


def _cursor(places: list[Mapping[str, Any]]) -> str | None:
    cursor = _told(places, (str, int), "nextCursor", "next_cursor")
    return None if cursor is None or cursor == "" else str(cursor)
