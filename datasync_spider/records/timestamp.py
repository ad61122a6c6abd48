"""When an event happened, from whatever the API writes for it.

Invariant: a value is either understood exactly, or it is no time (None): never a guess, never the host's time zone,
never an exception. Below a microsecond time is truncated toward the past, on both sides of 1970.

An epoch is known by its magnitude: 1e8 up to 1e11 are seconds (1973 to 5138), then milliseconds, microseconds and
nanoseconds, a factor of 1,000 each. What is smaller is a counter or a mistake, negative numbers included.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
FIRST_US = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
LAST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The years 1 to 9999 in UTC: what Python's calendar has, and whoever reads a time back from PostgreSQL in Python."""
_from_isoformat = datetime.fromisoformat

# What sticks to copied text and is no part of it: white space, C0 and C1 controls, zero-width characters.
INVISIBLE = "".join(
    map(
        chr,
        [
            *range(0x21),
            *range(0x7F, 0xA1),
            0x1680,
            *range(0x2000, 0x200E),
            0x2028,
            0x2029,
            0x202F,
            0x205F,
            0x3000,
            0xFEFF,
        ],
    )
)


def _by_characters(values: dict[str, int]) -> list[Any]:
    """A list, since that is looked up in the fastest way; None where there is no such text."""
    by_place = {int.from_bytes(text.encode(), "little"): value for text, value in values.items()}
    listed: list[Any] = [None] * (max(by_place) + 1)
    for place, value in by_place.items():
        listed[place] = value
    return listed


_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ISO_8601 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_MAX_OFFSET_MINUTES = 18 * 60
# 2025-01-01T04:47:59.915Z as the text of its minute, and 59, 91 and 5 as the numbers that their characters' bytes are.
_MILLISECONDS = struct.Struct("<17sHxHBx")
_SECONDS_US = _by_characters({f"{second:02}": second * 1_000_000 for second in range(60)})
_HUNDREDTHS_US = _by_characters({f"{hundredth:02}": hundredth * 10_000 for hundredth in range(100)})
_THOUSANDTHS_US = _by_characters({f"{thousandth}": thousandth * 1_000 for thousandth in range(10)})
# From which place of the leading digit up to which other one, and what a microsecond is in that unit.
_UNITS = ((8, 11, Decimal("0.000001")), (11, 14, Decimal("0.001")), (14, 17, Decimal(1)), (17, 20, Decimal(1_000)))


def parse_timestamp(value: object) -> int | None:
    """Microseconds since 1970-01-01 UTC, or None where ``value`` is no time.

    Give numbers as int, or as their text where digits would be lost: a float stands for its shortest decimal form.
    """
    if type(value) is str:
        # The common form, with one to six decimals, by the standard library's fast parser. That takes much more; what
        # keeps it to our form are the five separators, which stand three places apart, the length, and the hour (newer
        # Pythons take 24:00).
        if value[7:20:3] == "-T::." and 21 < len(value) < 28 and value[-1] == "Z" and value[11:13] < "24":
            try:
                return (_from_isoformat(value) - _EPOCH) // _MICROSECOND
            except ValueError:
                pass
        return _from_text(value.strip(INVISIBLE))
    if type(value) is int:
        return _from_int(value)
    return _from_number(repr(value)) if type(value) is float else None


def parse_timestamps(values: list[Any]) -> list[int | None]:
    """The same for many, at a third of the cost where they are what most feeds send."""
    texts = [value for value in values if type(value) is str]
    times: Iterable[int | None]
    try:
        times = _parse_milliseconds(texts)
    except (ValueError, LookupError, TypeError):
        times = map(parse_timestamp, texts)
    next_time = iter(times).__next__
    return [
        next_time()
        if type(value) is str
        else value * 1_000
        if type(value) is int and 10**11 <= value < 10**14
        else parse_timestamp(value)
        for value in values
    ]


def _parse_milliseconds(texts: list[str]) -> list[int]:
    """Of texts like 2025-01-01T04:47:59.915Z alone; where one is another, it raises what looking it up happens to."""
    text = "".join(texts).encode("ascii")
    if {*map(len, texts)} - {24} or text[19::24].strip(b".") or text[23::24].strip(b"Z"):
        raise ValueError
    minutes, seconds, hundredths, thousandths = _Minutes(), _SECONDS_US, _HUNDREDTHS_US, _THOUSANDTHS_US
    # Sums of small numbers are cheaper.
    return [
        minutes[minute] + (seconds[second] + hundredths[hundredth] + thousandths[thousandth])
        for minute, second, hundredth, thousandth in _MILLISECONDS.iter_unpack(text)
    ]


class _Minutes(dict[bytes, int]):
    """From 2025-01-01T04:47: to microseconds since 1970; neighbours in a feed have many in common."""

    def __missing__(self, minute: bytes) -> int:
        time_us = parse_timestamp(f"{minute.decode()}00.000Z")
        if time_us is None:
            raise ValueError
        self[minute] = time_us
        return time_us


def parse_iso(text: str) -> int | None:
    """Of a text in ISO 8601 and nothing else; in UTC where it names no zone."""
    return _from_iso_8601(text)


def is_naive(text: str) -> bool:
    """Whether it is a time in ISO 8601 that names no zone."""
    match = _ISO_8601.fullmatch(text)
    return match is not None and match[9] is None and text[-1] not in "Zz"


def _from_int(value: int) -> int | None:
    if 10**11 <= value < 10**14:
        return value * 1_000
    if 10**8 <= value < 10**11:
        return value * 1_000_000
    if 10**14 <= value < 10**17:
        return value
    if 10**17 <= value < 10**20:
        return value // 1_000
    return None


def _from_text(text: str) -> int | None:
    return _from_iso_8601(text) if text[4:5] == "-" else _from_number(text)


def _from_number(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent of astronomical size
        return None
    leading = number.adjusted() if number else -1
    for lowest, beyond, microsecond in _UNITS:
        if lowest <= leading < beyond:
            # Integer division is exact however many digits the number has; multiplying would round.
            return int(number // microsecond)
    return None


def _from_iso_8601(text: str) -> int | None:
    match = _ISO_8601.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    offset = _offset_minutes(match[8], match[9], match[10])
    # A leap second (:60) rolls over into the next minute by the sum below.
    if offset is None or hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
    time_us = seconds * 1_000_000 + int((match[7] or "").ljust(9, "0")) // 1_000
    # An offset, or a leap second, may lead out of the calendar.
    return time_us if FIRST_US <= time_us <= LAST_US else None


def _offset_minutes(sign: str | None, hours: str | None, minutes: str | None) -> int | None:
    if sign is None or hours is None:
        return 0
    offset = int(hours) * 60 + int(minutes or 0)
    if offset > _MAX_OFFSET_MINUTES or int(minutes or 0) > 59:
        return None
    return -offset if sign == "-" else offset
