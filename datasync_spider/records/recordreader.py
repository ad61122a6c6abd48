"""Reads the records of one stream: where they stand in a page's body, and what each one's row needs.

Made once a run from the stream, which says where records, ids and times stand; the fast path, the strict parser and the
compiled scanner are built from that and know no other names. Invariant: whatever reads a record of a stream, be it of a
page, of a dead letter or for a comparison, reads it by this.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from datasync_spider.observe.reasons import NEVER_RECORDS
from datasync_spider.records import compiled
from datasync_spider.records.event import ParsedEvents
from datasync_spider.records.exactjson import REFUSALS
from datasync_spider.records.ids import IdRule, id_rule
from datasync_spider.records.pieces import Piece, Unmade
from datasync_spider.records.recordparser import RawEvents, RecordParser
from datasync_spider.records.recovery import PageSplitter
from datasync_spider.records.splitting import Split, splitter
from datasync_spider.records.timereader import TimeReader
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Stream

__all__ = ["RawEvents", "RecordReader"]

_NUMBERS = {"auto": "auto", "iso": "none", **{unit: unit for unit in ("s", "ms", "us", "ns")}}
"""What a number is where a time stands, in the words of the scanner, by the formats that it knows."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """``records``, ``ids``, ``times``: paths, in the order in which they count. The others: as of a stream."""

    records: tuple[Path, ...]
    ids: tuple[Path, ...]
    times: tuple[Path, ...]
    id_kind: str = "any"
    time_format: str = "auto"
    time_zone: str | None = None
    fills_times: bool = False
    _split: Split | None = field(default=None, repr=False, compare=False)
    _scanner: compiled.Scanner | None = field(init=False, repr=False, compare=False)
    _rule: IdRule = field(init=False, repr=False, compare=False)
    _parser: RecordParser = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rule = id_rule(self.id_kind, self.ids)
        object.__setattr__(self, "_rule", rule)
        object.__setattr__(self, "_scanner", None if self._split is not None else self._made_scanner())
        object.__setattr__(self, "_split", self._split or PageSplitter(self.records).split)
        times = TimeReader(self.time_format, self.time_zone)
        object.__setattr__(self, "_parser", RecordParser(self.ids, self.times, rule, times))

    @classmethod
    def of(cls, stream: Stream) -> RecordReader:
        """Raises ConfigurationError where a class of the user's cannot be used."""
        is_plain = stream.shape.kind == "list" and stream.format == "json"
        return cls(
            stream.records,
            stream.id,
            stream.time,
            stream.id_kind,
            stream.time_format,
            stream.time_zone,
            stream.time_missing == "received",
            None if is_plain else splitter(stream),
        )

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
        assert self._split is not None
        return self._split(text)

    def parse(self, records: RawEvents, received_us: int | None = None) -> ParsedEvents:
        """All records of a page that this reader has split.

        ``received_us``: when it came, which is the time of records that have none, where the stream says so.
        """
        parsed = self._parser.parse(records)
        if not self.fills_times or received_us is None:
            return parsed
        times_us = [received_us if time_us is None else time_us for time_us in parsed.times_us]
        return msgspec.structs.replace(parsed, times_us=times_us)

    def readable_id(self, record: bytes) -> str | None:
        """The id of a record that may be rejected for another reason; None where there is none that could be a key."""
        return self._parser.readable_id(record)

    def kept(self, raw: bytes, reason: str) -> Piece:
        """What :meth:`parse` takes for the bytes of a dead letter, which was rejected for this reason."""
        return Unmade.of(raw, reason) if reason in NEVER_RECORDS else msgspec.Raw(raw)

    def identity(self, record: bytes) -> str | bytes:
        """What distinguishes the record from others: its id, or all of it where that cannot be read."""
        try:
            return self._rule.distinguishing(record) or record
        except (*REFUSALS, ValueError):
            return record

    def _made_scanner(self) -> compiled.Scanner | None:
        """None where nothing could be compiled, or what was does not know such ids, times or places."""
        if self.id_kind != "any" or self.time_format not in _NUMBERS or self.time_zone is not None:
            return None
        if self.fills_times:
            # What it finds goes into rows as it is.
            return None
        return _scanner(self.records, self.ids, self.times, numbers=_NUMBERS[self.time_format])


def _scanner(*places: tuple[Path, ...], numbers: str) -> compiled.Scanner | None:
    """Of records, ids and times. None where nothing could be compiled, or what was does not know such a layout."""
    names = [[path.names for path in paths] for paths in places]
    if not compiled.IS_COMPILED or any(None in paths for paths in names):
        return None
    try:
        return compiled.Scanner(*names, numbers=numbers)  # type: ignore[arg-type] # no path is None, as was just looked at
    except ValueError:
        return None
