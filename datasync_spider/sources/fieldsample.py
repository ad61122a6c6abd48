"""Which fields some records have, and of which kinds: what a sample of a page shows. Pure.

A field is the names that lead to it: none for the record itself, one for what stands in it, two for what stands in an
object there. Deeper ones are not looked at, as the typed columns of a stream have none.

Invariant: names and kinds are counted, and no value is kept.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

import msgspec

from datasync_spider.sources.columns import instant_of, kind_of, record_of

Kind: TypeAlias = Literal["text", "bigint", "numeric", "boolean", "timestamptz", "object", "array", "null"]
Field: TypeAlias = tuple[str, ...]
Counts: TypeAlias = Counter[tuple[Field, Kind]]
"""Of how many records of a sample a field was of a kind; of the record itself how many there were."""

RECORD: Final[Field] = ()

_LEAST_RECORDS, _MOST_RECORDS, _ROWS_A_RECORD = 4, 32, 256
# Of what a page has in bytes so much is read again, and a little in any case.
_BYTES_SHARE, _LEAST_BYTES = 32, 16_384
_SHORTEST_INSTANT = len("2026-01-01T00:00:00Z")
_KINDS: Final[dict[type, Kind]] = {
    str: "text",
    float: "numeric",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    list: "array",
}


def places(rows: int) -> list[int]:
    """Which of a page's records are looked at: some of it at even distances, from a place that chance chooses."""
    wanted = min(rows, _LEAST_RECORDS + rows // _ROWS_A_RECORD, _MOST_RECORDS)
    if not wanted:
        return []
    distance = rows / wanted
    first = random.random() * distance  # noqa: S311 - a sample, and no secret
    return [min(int(first + distance * number), rows - 1) for number in range(wanted)]


def sampled(payloads: Iterable[bytes], page_bytes: int) -> Counts:
    """What these records of a page show. Of large ones so many are read as cost little beside the page.

    Each is as likely to be read as its share of what may be read; so records of a megabyte are looked at now and then.
    """
    counts: Counts = Counter()
    left = max(_LEAST_BYTES, page_bytes // _BYTES_SHARE)
    for payload in payloads:
        if len(payload) > left and random.random() * len(payload) >= left:  # noqa: S311 - as above
            continue
        left = max(left - len(payload), 0)
        count(counts, payload)
    return counts


def count(counts: Counts, payload: bytes) -> None:
    """Adds the fields of one record, where it is an object."""
    record = _read(payload)
    if not isinstance(record, dict):
        return
    counts[RECORD, "object"] += 1
    for name, value in record.items():
        kind = _kind(value)
        counts[(name,), kind] += 1
        if kind == "object":
            for member, inner in value.items():
                counts[(name, member), _kind(inner)] += 1


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


def _kind(value: Any) -> Kind:
    kind = _KINDS.get(type(value))
    if kind == "text":
        return "timestamptz" if len(value) >= _SHORTEST_INSTANT and instant_of(value) is not None else "text"
    # Numbers are told apart by their size.
    return kind or ("bigint" if kind_of(value) == "bigint" else "numeric")
