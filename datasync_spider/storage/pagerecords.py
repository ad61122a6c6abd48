"""A page's records in its order, and which of them its chain has met before. Pure.

Dead letters without an id are distinguished by their number alone, so it matters where they stand: above or below what
an earlier pass has stored, and whether the page repeats what the chain has met.

Invariant: only a record with an id proves a repetition. Records without one may stand a hundred times in a feed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from datasync_spider.records.event import ParsedEvents, RejectedEvent
from datasync_spider.storage.rows import Rows


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


class Repetitions:
    """What a run's chain has met, as far as it matters for pages with records that have no id."""

    def __init__(self) -> None:
        self._chain = 0
        self._last: Rows | list[Any] = []
        self._met: set[bytes] = set()

    def measured(self, chain: int, page: PageRecords) -> PageRecords:
        """The page with ``repeated``. Call in page order, and :meth:`passed` for a page that is not given here.

        A page that shifts begins with the end of the page before it; an API that ignores cursors serves whole pages
        again, in turns perhaps.
        """
        self._begin(chain)
        # What a repetition of each has as well.
        keys = [record if isinstance(record, str) else record.rejected.raw for record in page.records]
        first_id = next((place for place, record in enumerate(page.records) if _has_id(record)), None)
        repeated = 0
        if first_id is not None:
            fingerprint = _fingerprint(keys)
            if fingerprint in self._met:
                repeated = len(keys)
            elif page.in_order:
                last = self._last.event_ids if isinstance(self._last, Rows) else self._last
                repeated = _overlap(last, keys, first_id)
            self._met.add(fingerprint)
        self._last = keys if page.in_order else []
        return page._replace(repeated=repeated)

    def passed(self, chain: int, rows: Rows) -> None:
        """A page whose records are all usable."""
        self._begin(chain)
        self._last = rows

    def _begin(self, chain: int) -> None:
        if chain != self._chain:
            self._chain = chain
            self._last = []
            self._met = set()


def _has_id(record: str | RejectedRecord) -> bool:
    return isinstance(record, str) or record.event_id is not None


def _overlap(last: list[Any], keys: list[Any], first_id: int) -> int:
    """So many of the first are the last ones of the page before, the first one with an id among them; else 0."""
    if keys[first_id] not in last:
        return 0
    length = len(last) - last.index(keys[first_id]) + first_id
    return length if last[-length:] == keys[:length] else 0


def _fingerprint(keys: list[Any]) -> bytes:
    hasher = hashlib.sha256()
    for key in keys:
        data = key.encode() if isinstance(key, str) else key
        hasher.update(b"%d %d:" % (isinstance(key, str), len(data)))
        hasher.update(data)
    return hasher.digest()
