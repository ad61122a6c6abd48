"""Reads the records of one stream: where they stand in a page's body, and what each one's row needs.

Made once a run from the stream, which says where records, ids and times stand; the fast path, the strict parser and the
compiled scanner are built from that and know no other names. Invariant: whatever reads a record of a stream, be it of a
page, of a dead letter or for a comparison, reads it by this.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from datasync_spider.api import compiled
from datasync_spider.api.event import ParsedEvents
from datasync_spider.api.reading import REFUSALS
from datasync_spider.api.recordparser import RawEvents, RecordParser
from datasync_spider.api.tolerant import PageSplitter
from datasync_spider.sources.paths import MISSING, Path
from datasync_spider.sources.spec import Stream

__all__ = ["RawEvents", "RecordReader"]


@dataclass(frozen=True, slots=True)
class RecordReader:
    """``records``, ``ids``, ``times``: paths, in the order in which they count."""

    records: tuple[Path, ...]
    ids: tuple[Path, ...]
    times: tuple[Path, ...]
    _scanner: compiled.Scanner | None = field(init=False, repr=False, compare=False)
    _splitter: PageSplitter = field(init=False, repr=False, compare=False)
    _parser: RecordParser = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_scanner", _scanner(self.records, self.ids, self.times))
        object.__setattr__(self, "_splitter", PageSplitter(self.records))
        object.__setattr__(self, "_parser", RecordParser(self.ids, self.times))

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
        if compiled.IS_COMPILED and self._scanner is not None and (found := self._scanner.split(text)) is not None:
            events, start, end = found
            return events, b"".join((text[:start], b"[]", text[end:]))
        return self._splitter.split(text)

    def parse(self, records: RawEvents) -> ParsedEvents:
        """All records of a page that this reader has split."""
        return self._parser.parse(records)

    def readable_id(self, record: bytes) -> str | None:
        """The id of a record that may be unusable for another reason; None where there is none that could be a key."""
        return self._parser.readable_id(record)

    def identity(self, record: bytes) -> str | bytes:
        """What tells the record from others: its id, or all of it where that cannot be read."""
        try:
            value = msgspec.json.decode(record)
        except REFUSALS:
            return record
        ids = (path.read(value) for path in self.ids)
        return next((repr(found) for found in ids if found is not MISSING and found is not None), record)


def _scanner(*places: tuple[Path, ...]) -> compiled.Scanner | None:
    """Of records, ids and times. None where nothing could be compiled, or what was does not know such a layout."""
    names = [[path.names for path in paths] for paths in places]
    if not compiled.IS_COMPILED or any(None in paths for paths in names):
        return None
    try:
        return compiled.Scanner(*names)  # type: ignore[arg-type] # no path is None, as was just looked at
    except ValueError:
        return None
