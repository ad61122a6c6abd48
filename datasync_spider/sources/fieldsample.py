"""Which fields some records have, and of which kinds: what a sample of a page shows. Pure.

A field is the names that lead to it: none for the record itself, one for what stands in it, two for what stands in an
object there. Deeper ones are not looked at, as the typed columns of a stream have none.

Invariant: names and kinds are counted, and no value is kept.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import msgspec

from datasync_spider.sources.columns import instant_of, record_of

Kind: TypeAlias = Literal["text", "bigint", "numeric", "boolean", "timestamptz", "object", "array", "null"]
Field: TypeAlias = tuple[str, ...]
_Shape: TypeAlias = tuple[Field, tuple[str, ...], tuple[Kind, ...]]
Counts: TypeAlias = Counter[tuple[Field, Kind]]
"""Of how many records of a sample a field was of a kind; of the record itself how many there were."""

RECORD: Final[Field] = ()

_LEAST_RECORDS, _MOST_RECORDS, _ROWS_A_RECORD = 4, 16, 400
# Of what a page has in bytes so much is read again, and a little in any case.
_BYTES_SHARE, _LEAST_BYTES = 32, 16_384
_BIGINT = 2**63
_SHORTEST_INSTANT = len("2026-01-01T00:00:00Z")
_ONE_DIGIT = str.maketrans("0123456789", "1111111111")
_KINDS: Final[dict[type, Kind]] = {
    float: "numeric",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    list: "array",
}


def records_of(rows: int) -> int:
    """How many of a page's records are looked at."""
    return min(_LEAST_RECORDS + rows // _ROWS_A_RECORD, _MOST_RECORDS)


def places(count: int, wanted: int) -> list[int]:
    """At most so many of ``count`` places, in even distances, the first one as chance has it."""
    if count <= wanted:
        return list(range(count))
    distance = count / wanted
    first = random.random() * distance  # noqa: S311 - a sample, and no secret
    return [min(int(first + distance * number), count - 1) for number in range(wanted)]


def sampled(payloads: Iterable[bytes], page_bytes: int) -> Counts:
    """What these records of a page show. Of large ones so many are read as cost little beside the page.

    Each is as likely to be read as its share of what may be read; so records of a megabyte are looked at now and then.
    """
    shapes: Counter[_Shape] = Counter()
    left = max(_LEAST_BYTES, page_bytes // _BYTES_SHARE)
    for payload in payloads:
        if len(payload) > left and random.random() * len(payload) >= left:  # noqa: S311 - as above
            continue
        left = max(left - len(payload), 0)
        _add(shapes, _read(payload))
    return _counts(shapes)


def shown(records: Iterable[bytes]) -> Counts:
    """What all of these records show."""
    shapes: Counter[_Shape] = Counter()
    for record in records:
        _add(shapes, _read(record))
    return _counts(shapes)


def _add(shapes: Counter[_Shape], record: Any) -> None:
    if not isinstance(record, dict):
        return
    names, kinds = tuple(record), _kinds(record)
    shapes[RECORD, names, kinds] += 1
    if "object" in kinds:
        for name, value in record.items():
            if type(value) is dict:
                shapes[(name,), tuple(value), _kinds(value)] += 1


def _counts(shapes: Counter[_Shape]) -> Counts:
    """Records of one source have few shapes, so that a field costs little more than its kind."""
    counts: Counts = Counter()
    for (holder, names, kinds), times in shapes.items():
        if holder == RECORD:
            counts[RECORD, "object"] += times
        for name, kind in zip(names, kinds, strict=True):
            counts[(*holder, name), kind] += times
    return counts


def _kinds(record: dict[str, Any]) -> tuple[Kind, ...]:
    return tuple([_KINDS.get(type(value)) or _reported_apart(value) for value in record.values()])


def _read(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        # A number beyond a float's range.
        return record_of(payload.decode())
    except (ValueError, RecursionError):
        return None


def _reported_apart(value: Any) -> Kind:
    """What its type alone does not say of a text or a number."""
    if isinstance(value, str):
        # Most texts are no times, and need no closer look to see that.
        may_be_time = len(value) >= _SHORTEST_INSTANT and value[4] == "-"
        return "timestamptz" if may_be_time and _is_formed_as_time(value.translate(_ONE_DIGIT)) else "text"
    return "bigint" if isinstance(value, int) and -_BIGINT <= value < _BIGINT else "numeric"


@lru_cache(maxsize=1_024)
def _is_formed_as_time(form: str) -> bool:
    """Of a text with each digit a 1: that there was no such day is nothing that a kind says."""
    return instant_of(form) is not None
