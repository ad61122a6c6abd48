"""A feed whose fields change in mid-life, and what a typed column is to say of each value.

The oracle shares no code with what it judges: it reads times by ``strptime``, and numbers as decimals.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

Record = dict[str, Any]

_RAW = "\x01"
"""Before a number that JSON can write, and Python cannot."""

ODD_NUMBERS = [
    *("1e400", "-0", "-0.0", "1e3", "5.0", "0.1000000000000000055511151231257827", "1e-300"),
    *(str(10**30), str(2**63 - 1), str(2**63), str(-(2**63)), str(-(2**63) - 1), "9223372036854775807.5", "1" * 5_000),
]
ODD_TEXTS = [
    *("", "NaN", "Infinity", "-0", "1e400", "true", "null", "t", "\t", "épée 日本語 😀", "x" * 3_000),
    *("0000-00-00", "0000-00-00T00:00:00Z", "99999-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z"),
    *(
        "2024-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-12-31T24:00:00Z",
    ),
    *("2024-06-30T23:59:60Z", "2024-01-01T00:60:00Z", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00+00"),
    *(
        "2024-01-01T00:00:00+14:00",
        "2024-01-01T00:00:00-12:30",
        "2024-01-01T00:00:00+15:59",
        "2024-01-01T00:00:00+16:00",
    ),
    *("2024-01-01T00:00:00+0530", "2024-01-01T00:00:00+5", "2024-01-01T00:00:00-00:00", "2024-01-01T00:00:00+02:60"),
    *(
        "2024-01-01t00:00:00z",
        "2024-01-01T00:00:00.1Z",
        "2024-01-01T00:00:00.123456789Z",
        "2024-01-01T00:00:00.123456000Z",
    ),
    *("2024-01-01T00:00:00.Z", "2024-01-01T00:00:00 Europe/Berlin", "2024-01-01T00:00:00Z\n", "2024-01-01T00:00:00EST"),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-01:00"),
    *("infinity", "now", "epoch", "today", "January 8, 1999", "٢٠٢٤-01-01T00:00:00Z", "+2024-01-01T00:00:00Z"),
]
ODD_OTHERS: list[Any] = [None, True, False, [], {}, [1, None], {"a": {"b": [1]}}, [{"at": "2024-01-01T00:00:00Z"}]]
ODD_NAMES = [
    *(
        "order",
        "user",
        "select",
        "table",
        "event_id",
        "occurred_at",
        "ingested_at",
        "payload",
        "slice_id",
        "deleted_at",
    ),
    *(
        "fooBar",
        "foo_bar",
        "foo-bar",
        "FOO_BAR",
        "foo.bar",
        "HTTPServer",
        "2fa",
        "",
        " ",
        '"',
        "'",
        "\\",
        "%s",
        "%(x)s",
    ),
    *(
        "größe",
        "日本",
        "ÀB",
        "a b",
        "a\tb",
        "{}",
        "$1",
        "x" * 63,
        "x" * 64,
        "x" * 200,
        "ж" * 40,
        "xmin",
        "ctid",
        "?column?",
    ),
]


def payloads(count: int, seed: int) -> Iterator[str]:
    """As JSON: a third before anything changes, a third with other types and fields, the rest with everything odd."""
    dice = random.Random(seed)
    for number in range(count):
        phase = 3 * number // count
        record = _plain(number, dice)
        if phase >= 1:
            record |= _changed(number, dice)
            del record["gone"]
        if phase == 2:
            record |= _odd(dice)
            if number == count - 1:
                record |= {f"wide_{n}": n for n in range(2_000)}
        yield _json(record)


def misfit(value: Any, type_: str) -> bool:
    """Whether a column of the type holds another thing than null for nothing."""
    return value is not None and expected(value, type_) is None


def expected(value: Any, type_: str) -> Any:
    """What a column of the type says of a value that :func:`parsed` has read."""
    match type_:
        case "jsonb":
            return value
        case "text":
            return value if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "numeric":
            return value if isinstance(value, Decimal) else None
        case "bigint":
            is_whole = isinstance(value, Decimal) and abs(value) < 10**20 and value == int(value)
            return value if is_whole and -(2**63) <= int(value) < 2**63 else None
        case "timestamptz":
            return _instant(value) if isinstance(value, str) else None
    raise AssertionError(type_)


def parsed(payload: str) -> Any:
    return json.loads(payload, parse_float=Decimal, parse_int=Decimal)


def at(record: Any, path: list[str | int]) -> Any:
    for step in path:
        if isinstance(record, dict):
            record = record.get(step)
        elif isinstance(record, list) and isinstance(step, int) and step < len(record):
            record = record[step]
        else:
            return None
    return record


def _instant(text: str) -> datetime | None:
    if not text.isascii() or len(text) < 20 or "\n" in text:
        return None
    clock, rest = text[:19].upper().replace(" ", "T"), text[19:].upper()
    fraction = ""
    if rest.startswith("."):
        fraction = rest[1:].split("Z")[0].split("+")[0].split("-")[0]
        rest = rest[1 + len(fraction) :]
        if not fraction.isdigit() or fraction[6:].strip("0"):
            return None
    try:
        zone = timezone(timedelta(minutes=0 if rest == "Z" else _minutes(rest)))
        local = datetime.strptime(clock, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
        if int(clock[17:]) > 59:
            return None
        return local.astimezone(UTC) + timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
    except (ValueError, OverflowError):
        return None


def _minutes(offset: str) -> int:
    digits = offset[1:].replace(":", "")
    if offset[:1] not in {"+", "-"} or offset[1:] not in {digits, f"{digits[:2]}:{digits[2:]}"}:
        raise ValueError(offset)
    if len(digits) not in {2, 4} or not digits.isdigit():
        raise ValueError(offset)
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 15 or minutes > 59:
        raise ValueError(offset)
    return (hours * 60 + minutes) * (-1 if offset[0] == "-" else 1)


def _plain(number: int, dice: random.Random) -> Record:
    return {
        "id": f"r{number}",
        "count": dice.randrange(1_000),
        "price": dice.randrange(1_000),
        "ratio": dice.random(),
        "title": dice.choice(["one", "two", "three"]),
        "at": f"2024-01-{1 + number % 28:02}T12:00:00.{number % 1_000_000:06}Z",
        "seen": "2024-01-01T00:00:00+02:00",
        "open": bool(number % 2),
        "gone": "soon",
        "empty": None,
        "labels": ["a", "b"],
        "author": {"login": "ann", "id": number, "site": {"url": "x"}},
        "fooBar": number,
        "map": {f"key{number}": number},
    }


def _changed(number: int, dice: random.Random) -> Record:
    return {
        "price": dice.choice([number, f"{_RAW}{number}.50", "free"]),
        "count": dice.choice([number, str(number), 2**40 + number]),
        "at": dice.choice(ODD_TEXTS),
        "title": dice.choice(["four", 4, None]),
        "open": dice.choice([True, "yes", 0]),
        "new": {"since": "2024-05-01T00:00:00Z", "deep": {"er": [1]}},
        "author": dice.choice([{"login": "bob", "name": "Bob"}, "bob", None]),
        "foo_bar": "twin",
        "empty": dice.choice([None, 1]),
    }


def _odd(dice: random.Random) -> Record:
    values: list[Any] = [*(f"{_RAW}{text}" for text in ODD_NUMBERS), *ODD_TEXTS, *ODD_OTHERS]
    names = ["count", "price", "ratio", "title", "at", "seen", "open", "gone", "labels", "fooBar", "foo_bar"]
    odd = {name: dice.choice(values) for name in dice.sample(names, 4)}
    odd |= {name: dice.choice(values) for name in dice.sample(ODD_NAMES, 8)}
    return odd | {"author": {"login": dice.choice(values), "id": dice.choice(values)}}


def _json(value: Any) -> str:
    match value:
        case str() if value.startswith(_RAW):
            return value[1:]
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_json(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value)
