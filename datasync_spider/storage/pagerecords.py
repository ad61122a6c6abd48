"""A page's records in its order, and which of them its chain has met before. Pure.

Dead letters without an id are distinguished by their number alone, so it matters where they stand: above or below what
an earlier pass has stored, and whether the page repeats what the chain has met.

Invariant: only a record with an id proves a repetition. Records without one may stand a hundred times in a feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from datasync_spider.records.event import ParsedEvents, RejectedEvent


class RejectedRecord(NamedTuple):
    """``event_id`` is None where none can be read."""

    event_id: str | None
    rejected: RejectedEvent


class PageRecords(NamedTuple):
    """``records``: a usable event by its id alone, for a page has thousands, and stays until it is written.

    ``in_order``: the places are the API's; not known where an item pipeline has left events out or changed them.
    ``repeated``: so many of the first ones its chain has met before.
    """

    records: Sequence[str | RejectedRecord]
    in_order: bool
    repeated: int = 0


def page_records(columns: ParsedEvents, received_events: int) -> PageRecords:
    """All records of a page that came with so many."""
    usable = columns.event_ids
    rejected_records = [RejectedRecord(event.event_id, event) for event in columns.rejected]
    places = [event.position for event in columns.rejected]
    every_place = range(len(usable) + len(rejected_records))
    if len(every_place) != received_events or places != sorted({*places} & {*every_place}):
        return PageRecords([*rejected_records, *usable], in_order=False)
    following = iter(usable)
    rejected_at = dict(zip(places, rejected_records, strict=True))
    return PageRecords([rejected_at.get(place) or next(following) for place in every_place], in_order=True)
