"""Events that an item pipeline has had in its hands, as columns again; what could be no row is set aside with a reason.

Invariant: every event comes out once, in the columns or among the rejected, and no event takes another one down. What
is in the columns has a key and a time that PostgreSQL can hold. Whether a payload is JSON is left to PostgreSQL, which
reads it anyway.

Only an event whose bytes no one knows cannot be set aside: then the page is lost, and the feed still has it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from datasync_spider.errors import PageLost
from datasync_spider.observe.reasons import ID_WRONG_TYPE, LONE_SURROGATE, TIME_OUT_OF_RANGE, TIME_WRONG_TYPE
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.records.eventid import MAX_ID_BYTES, id_fault
from datasync_spider.records.timestamp import FIRST_US, LAST_US

_TIMES = {int, type(None)}
_BYTES = (bytes, bytearray, memoryview, msgspec.Raw)
# On which page and which place there, no one knows any more.
_NOWHERE = -1
_SHOWN_CHARACTERS = 60


def as_columns(page_number: int, events: Iterable[Event], rejected: list[RejectedEvent]) -> ParsedEvents:
    """The events as columns, and the rejected ones behind ``rejected``.

    Raises PageLost where there is something among them that is no event, or has no bytes.
    """
    listed = _listed(page_number, events)
    if set(map(type, listed)) <= {Event}:
        columns = _columns(listed, rejected)
        if _are_plain(columns):
            return columns
    for event in listed:
        _check(page_number, event)
    usable: list[Event] = []
    newly_rejected: list[RejectedEvent] = []
    for event in listed:
        fault = _id_fault(event.event_id) or _time_fault(event.occurred_at_us)
        if fault is None:
            usable.append(Event(event.event_id, event.occurred_at_us, bytes(event.payload)))
        else:
            reason, made = fault
            detail = f"an item pipeline gave it {made}"
            # What is no key is no id. Its dead letter is read again by the bytes that the API sent.
            event_id = None if _id_fault(event.event_id) else event.event_id
            newly_rejected.append(RejectedEvent(_NOWHERE, reason, bytes(event.payload), detail, event_id))
    return _columns(usable, [*rejected, *newly_rejected])


def _columns(events: list[Event], rejected: list[RejectedEvent]) -> ParsedEvents:
    return ParsedEvents(
        [event.event_id for event in events],
        [event.occurred_at_us for event in events],
        [event.payload for event in events],
        rejected,
    )


def _listed(page_number: int, events: Iterable[Event]) -> list[Event]:
    try:
        entries = iter(events)
    except TypeError:
        raise _lost(page_number, events, "a list of events") from None
    return list(entries)


def _check(page_number: int, event: object) -> None:
    """Raises PageLost."""
    if not isinstance(event, Event):
        raise _lost(page_number, event, "an Event")
    if not isinstance(event.payload, _BYTES):
        raise _lost(page_number, event.payload, "a payload's bytes")


def _lost(page_number: int, thing: object, wanted: str) -> PageLost:
    kind = type(thing).__name__
    return PageLost(f"on page {page_number} an item pipeline has put an object of type {kind} in place of {wanted}")


def _are_plain(columns: ParsedEvents) -> bool:
    """Whether a look at each column as a whole finds nothing that could be a fault, as nearly always."""
    event_ids, times_us = columns.event_ids, columns.times_us
    if set(map(type, event_ids)) - {str} or set(map(type, times_us)) - _TIMES:
        return False
    if set(map(type, columns.payloads)) - {bytes}:
        return False
    text = "".join(event_ids)
    firsts = "".join([event_id[:1] for event_id in event_ids])
    # Each begins with a character that shows, and each character is a byte.
    if not text.isascii() or "\0" in text or not firsts.isprintable() or " " in firsts:
        return False
    lengths = set(map(len, event_ids))
    if 0 in lengths or max(lengths, default=0) > MAX_ID_BYTES:
        return False
    known_us = [time_us for time_us in times_us if time_us is not None]
    return not known_us or (min(known_us) >= FIRST_US and max(known_us) <= LAST_US)


# An item pipeline may have put anything there: a fault is a slug, and what was given.


def _id_fault(event_id: object) -> tuple[str, str] | None:
    if not isinstance(event_id, str):
        return ID_WRONG_TYPE, f"an id of type {type(event_id).__name__}"
    reason = id_fault(event_id) if _is_text(event_id) else LONE_SURROGATE
    return None if reason is None else (reason, f"the id {_shown(event_id)}")


def _time_fault(time_us: object) -> tuple[str, str] | None:
    if time_us is None:
        return None
    if not isinstance(time_us, int) or isinstance(time_us, bool):
        return TIME_WRONG_TYPE, f"a time of type {type(time_us).__name__}"
    if not FIRST_US <= time_us <= LAST_US:
        return TIME_OUT_OF_RANGE, "a time outside of the years 1 to 9999"
    return None


def _is_text(event_id: str) -> bool:
    try:
        event_id.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(event_id: str) -> str:
    """With escapes for whatever PostgreSQL could not keep; cut where it is long."""
    shown = ascii(event_id[:_SHOWN_CHARACTERS])
    return shown if len(event_id) <= _SHOWN_CHARACTERS else f"{shown}… of {len(event_id):,} characters"
