"""What a page of a layout holds, by the standard library alone: no code of ours has a part in it.

Invariant: of equal names the last value counts, as for PostgreSQL, and a name leads nowhere but in an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.records.rawlayouts import Layout, Path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Pairs(list[tuple[str, Any]]):
    """An object with all of its members, in their order."""


def parse(text: bytes) -> Any:
    """Objects as Pairs, numbers with a point or an exponent as floats. Raises ValueError where it is no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text.decode(), object_pairs_hook=Pairs, parse_constant=refuse)


def look_up(value: Any, path: Path) -> Any:
    """What stands there, None for what does not."""
    for name in path:
        value = dict(value).get(name) if isinstance(value, Pairs) else None
    return value


def known(layout: Layout, record: Any) -> tuple[Any, Any]:
    """The values of its id and its time, whatever they are."""
    return _first(record, layout.ids), _first(record, layout.times)


def _first(record: Any, paths: Sequence[Path]) -> Any:
    return next((value for path in paths if (value := look_up(record, path)) is not None), None)


def time_us(value: Any) -> int:
    """Of one that is known. Microseconds since 1970."""
    if isinstance(value, int):
        digits = len(str(value))
        return (
            value * 10**6
            if digits <= 11
            else value * 1000
            if digits <= 14
            else value
            if digits <= 17
            else value // 1000
        )
    since: timedelta = datetime.fromisoformat(value) - _EPOCH
    return since // timedelta(microseconds=1)


def is_plain_id(value: Any) -> bool:
    """Whether it needs no closer look, whoever looks."""
    if isinstance(value, str):
        return value[:1].isascii() and value[:1].isalnum() and len(value.encode()) <= 1000
    return type(value) is int and 0 < value < 10**18


def is_plain_time(value: Any) -> bool:
    return value is None or (type(value) is int and 10**8 <= value < 10**18)


def arrays(body: Any, layout: Layout) -> list[Any]:
    """All that the paths of records lead to, by all members of a name."""
    return [value for path in set(layout.records) for value in _all(body, path) if type(value) is list]


def is_straight(body: Any, layout: Layout) -> bool:
    """Whether no name on the way to records comes twice, or stands for what cannot be on the way."""
    for path in layout.records:
        for length in range(len(path) + 1):
            part = path[:length]
            values = list(_all(body, part))
            may_be_array = part in layout.records
            may_be_object = length < len(path) or any(other[:length] == part != other for other in layout.records)
            for value in values:
                if not (type(value) is list and may_be_array) and not (isinstance(value, Pairs) and may_be_object):
                    return False
            if len(values) > 1:
                return False
    return True


def _all(value: Any, path: Path) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, Pairs):
        for name, inner in value:
            if name == path[0]:
                yield from _all(inner, path[1:])
