"""Reads the records of one stream: where they stand in a page's body, and what each one's row needs.

Made once a run from the stream, which says where records, ids and times stand. Invariant: whatever reads a record of a
stream, be it of a page, of a dead letter or for a comparison, reads it by this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from datasync_spider.api import compiled
from datasync_spider.api.event import ParsedEvents, parse_events
from datasync_spider.api.scrutiny import readable_id
from datasync_spider.api.tolerant import split_page
from datasync_spider.sources.paths import MISSING, Path
from datasync_spider.sources.spec import Stream

RawEvents: TypeAlias = "list[msgspec.Raw] | compiled.Events"
"""The bytes of each record within the body, not copied: they keep the whole body in memory."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """``records``, ``ids``, ``times``: paths, in the order in which they count."""

    records: tuple[Path, ...]
    ids: tuple[Path, ...]
    times: tuple[Path, ...]

    @classmethod
    def of(cls, stream: Stream) -> RecordReader:
        return cls(stream.records, stream.id, stream.time)

    @property
    def names(self) -> tuple[str, ...]:
        """The members of a body under which records may stand: those of paths that are one name."""
        return tuple(names[0] for path in self.records if (names := path.names) is not None and len(names) == 1)

    def split(self, text: bytes) -> tuple[RawEvents | None, bytes]:
        """The records of a page, and the page with an empty list in their place.

        The records are None where no path leads to a list. Raises PageUnreadable.
        """
        if compiled.IS_COMPILED and (found := compiled.split(text)) is not None:
            events, start, end = found
            return events, b"".join((text[:start], b"[]", text[end:]))
        return split_page(text)

    def identity(self, record: bytes) -> str | bytes:
        """What tells the record from others: its id, or all of it where that cannot be read."""
        try:
            value = msgspec.json.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return record
        ids = (path.read(value) for path in self.ids)
        return next((repr(found) for found in ids if found is not MISSING and found is not None), record)

    def readable_id(self, payload: bytes) -> str | None:
        """The id of a record that may be unusable for another reason; None where none that could be a key is there."""
        return readable_id(payload)

    def parse(self, records: RawEvents) -> ParsedEvents:
        """All records of a page."""
        return parse_events(records)
