"""The records of a page by a class of the user's: of CSV, of XML, of whatever a file cannot say.

Invariant: what it gives is looked at before it is believed. A text that is no JSON becomes a dead letter; whatever else
it does wrong is the page's fault, which is asked for again and ends the run in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from datasync_spider.errors import DatasyncError, PageUnreadable
from datasync_spider.observe.reasons import RECORD_READER_FAILED
from datasync_spider.records.lines import pieces_of
from datasync_spider.records.pieces import Piece
from datasync_spider.sources.bodyreader import BodyReader
from datasync_spider.sources.spec import Stream
from datasync_spider.sources.userclasses import make_instance

T = TypeVar("T")

_PROTOCOL = "docs/sources/add-a-record-reader.md"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class UserRecords:
    """Raises ConfigurationError where there is no such class, or it is no record reader."""

    def __init__(self, stream: Stream) -> None:
        place = stream.shape.place
        self._theirs: BodyReader = make_instance(place, stream, methods=("records", "rest"), protocol=_PROTOCOL)

    def split(self, body: bytes) -> tuple[list[Piece] | None, bytes]:
        """The records, and the rest of the page as JSON. Raises PageUnreadable."""
        records: object = _called("records", self._theirs.records, body)
        if not isinstance(records, Sequence) or not all(isinstance(record, bytes) for record in records):
            raise PageUnreadable(RECORD_READER_FAILED, "records gave no sequence of bytes")
        rest = _called("rest", self._theirs.rest, body)
        return pieces_of(record.strip() for record in records), _called("rest", _encode, rest)


def _called(method: str, call: Callable[..., T], argument: object) -> T:
    try:
        return call(argument)
    except DatasyncError:
        raise
    except Exception as error:
        # Its text may hold what a body does.
        raise PageUnreadable(RECORD_READER_FAILED, f"{method} raised {type(error).__name__}") from error
