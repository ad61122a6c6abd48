"""What makes a record's id: the first of several places, all of them together, or a digest of the whole record.

Invariant: the fast path and the strict parser make an id here, by the same rule, out of what each has read; a record
that is sent twice has one id. What the fast path is not certain of it leaves: None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from datasync_spider.observe.reasons import (
    ID_EMPTY,
    ID_INCOMPLETE,
    ID_WRONG_TYPE,
    LONE_SURROGATE,
    MALFORMED_JSON,
    NO_ID,
    NOT_AN_OBJECT,
)
from datasync_spider.records.canonical import digest
from datasync_spider.records.eventid import id_fault
from datasync_spider.records.literals import Literals, text_of
from datasync_spider.records.pathcolumns import Column
from datasync_spider.sources.paths import MISSING, Path

_NULL = b"null"
_NOTHING = (MISSING, None)
_NUMBER_STARTS = b"-0123456789"
_INT64_BITS = 63

Payloads: TypeAlias = "Sequence[bytes | msgspec.Raw]"


class RecordRejected(Exception):
    """The record cannot be stored. ``reason`` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IdRule(Protocol):
    """``read``: the places that the fast path reads a column of, in the order in which they count.

    ``is_choice``: the first of them that is there is the id. ``is_digest``: the id shows nothing of what it is made of.
    """

    read: tuple[Path, ...]
    is_choice: bool
    is_digest: bool

    def of_columns(self, columns: Iterable[Column], payloads: Payloads) -> list[str] | None:
        """The ids of all records, or None where one of them needs the strict parser."""
        ...

    def of_record(self, record: Literals) -> str:
        """Raises RecordRejected."""
        ...

    def literals(self, record: Literals) -> list[bytes]:
        """What the id is made of, as it is written."""
        ...

    def distinguishing(self, record: bytes) -> str | None:
        """What the record is known by, be it no id; None where nothing of it can be read. Raises ValueError."""
        ...


def id_rule(kind: str, paths: Sequence[Path]) -> IdRule:
    """``kind``: ``any``, ``all`` or ``hash``, as of a stream."""
    match kind:
        case "all":
            return _All(paths)
        case "hash":
            return _Hash(paths)
    return _Any(paths)


class _Any:
    """The first place that is there and not null, whether or not it can be an id."""

    is_choice = True
    is_digest = False

    def __init__(self, paths: Sequence[Path]) -> None:
        self.read = tuple(paths)

    def of_columns(self, columns: Iterable[Column], payloads: Payloads) -> list[str] | None:
        for column in columns:
            kinds = set(map(type, column))
            if kinds != {type(None)}:
                return _texts(column)
        return None

    def literals(self, record: Literals) -> list[bytes]:
        literals = (_there(record, path) for path in self.read)
        return [literal for literal in literals if literal is not None][:1]

    def of_record(self, record: Literals) -> str:
        literals = self.literals(record)
        if not literals:
            raise RecordRejected(NO_ID)
        text = _text(literals[0])
        if fault := id_fault(text):
            raise RecordRejected(fault)
        return text

    def distinguishing(self, record: bytes) -> str | None:
        value = msgspec.json.decode(record)
        return next((repr(found) for path in self.read if (found := path.read(value)) not in _NOTHING), None)


class _All:
    """A JSON list of the parts' own texts, each of which must be there: ``["5","a"]``, be the 5 a number or a text."""

    is_choice = False
    is_digest = False

    def __init__(self, paths: Sequence[Path]) -> None:
        self.read = tuple(paths)

    def of_columns(self, columns: Iterable[Column], payloads: Payloads) -> list[str] | None:
        parts: list[list[str]] = []
        for column in columns:
            texts = _texts(column)
            # One that is empty, or that cannot be seen, may be the whole of what there is.
            if texts is None or not all(text[:1] > " " and text[0].isascii() for text in texts):
                return None
            parts.append(texts)
        return [_together(texts) for texts in zip(*parts, strict=True)]

    def literals(self, record: Literals) -> list[bytes]:
        literals = (_there(record, path) for path in self.read)
        return [literal for literal in literals if literal is not None]

    def of_record(self, record: Literals) -> str:
        literals = self.literals(record)
        if not literals:
            raise RecordRejected(NO_ID)
        if len(literals) < len(self.read):
            raise RecordRejected(ID_INCOMPLETE)
        texts = list(map(_text, literals))
        whole = _together(texts)
        faults = list(map(id_fault, texts))
        # An empty part beside one that is not distinguishes records as any other.
        other = next((fault for fault in faults if fault not in {None, ID_EMPTY}), None)
        if fault := other or (ID_EMPTY if None not in faults else id_fault(whole)):
            raise RecordRejected(fault)
        return whole

    def distinguishing(self, record: bytes) -> str | None:
        value = msgspec.json.decode(record)
        found = [path.read(value) for path in self.read]
        return None if any(one in _NOTHING for one in found) else repr(found)


class _Hash:
    """``without``: what of a record makes no difference."""

    read: tuple[Path, ...] = ()
    is_choice = False
    is_digest = True

    def __init__(self, without: Sequence[Path]) -> None:
        self._without = tuple(without)

    def of_columns(self, columns: Iterable[Column], payloads: Payloads) -> list[str] | None:
        texts = list(map(bytes, payloads))
        # Half a surrogate pair is written so, and is for the strict parser, as all else that is no JSON.
        if any(b"\\u" in text for text in texts):
            return None
        try:
            return [digest(text, self._without) for text in texts]
        except (ValueError, RecursionError):
            return None

    def literals(self, record: Literals) -> list[bytes]:
        return []

    def of_record(self, record: Literals) -> str:
        if not record.is_object:
            raise RecordRejected(NOT_AN_OBJECT)
        try:
            return digest(record.text, self._without)
        except (ValueError, RecursionError):
            raise RecordRejected(MALFORMED_JSON) from None

    def distinguishing(self, record: bytes) -> str | None:
        return digest(record, self._without)


def _there(record: Literals, path: Path) -> bytes | None:
    """None where nothing is, or null."""
    literal = record.at(path)
    return None if literal == _NULL else literal


def _texts(column: Column) -> list[str] | None:
    """None where the column does not hold texts alone, or whole numbers alone."""
    kinds = set(map(type, column))
    if kinds == {str}:
        return column
    if kinds == {int}:
        texts = list(map(_integer_text, column))
        return None if None in texts else texts  # type: ignore[return-value] # as asked
    return None


def _integer_text(value: int) -> str | None:
    # How long an integer Python turns into text is a setting of the host; the strict parser keeps its digits.
    return str(value) if value.bit_length() <= _INT64_BITS else None


def _together(texts: Sequence[str]) -> str:
    return msgspec.json.encode(texts).decode()


def _text(literal: bytes) -> str:
    """The id, or the part of one, that is written so. Raises RecordRejected."""
    if literal.startswith(b'"'):
        text = text_of(literal)
        if text is None:
            raise RecordRejected(LONE_SURROGATE)
        return text
    if literal[0] not in _NUMBER_STARTS or not literal.removeprefix(b"-").isdigit():
        raise RecordRejected(ID_WRONG_TYPE)
    # PostgreSQL's numbers know no negative zero, and the id is to be what it says for payload->>'id'.
    return "0" if literal == b"-0" else literal.decode()
