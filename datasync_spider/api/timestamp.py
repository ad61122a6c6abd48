"""When an event happened, from whatever the API writes for it.

Invariant: a value is either understood exactly, or it is no time (None): never a guess, never the host's time zone,
never an exception. Below a microsecond time is truncated toward the past, on both sides of 1970.

An epoch is told by its magnitude: 1e8 up to 1e11 are seconds (1973 to 5138), then milliseconds, microseconds and
nanoseconds, a factor of 1,000 each. What is smaller is a counter or a mistake, negative numbers included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
_from_isoformat = datetime.fromisoformat

# What sticks to copied text and is no part of it: white space, C0 and C1 controls, zero-width characters.
_INVISIBLE = "".join(
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

_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ISO_8601 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_MAX_OFFSET_MINUTES = 18 * 60
_SECONDS_US = {f"{second:02}.": second * 1_000_000 for second in range(60)}
_MILLISECONDS_US = {f"{millisecond:03}Z": millisecond * 1_000 for millisecond in range(1_000)}
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
        return _from_text(value.strip(_INVISIBLE))
    if type(value) is int:
        return _from_int(value)
    return _from_number(repr(value)) if type(value) is float else None


def parse_timestamps(values: Iterable[object]) -> list[int | None]:
    """The same for many, at a third of the cost where they are what most feeds send, and close together."""
    minutes: dict[str, int] = {}
    times: list[int | None] = []
    append = times.append
    for value in values:
        if type(value) is str:
            try:
                # Whole parts of 2025-01-01T04:47:59.915Z. The last two are told by tables of all that they can be.
                append(minutes[value[:17]] + _SECONDS_US[value[17:20]] + _MILLISECONDS_US[value[20:]])
            except KeyError:
                append(_remember_minute(value, minutes))
        elif type(value) is int and 10**11 <= value < 10**14:
            append(value * 1_000)
        else:
            append(parse_timestamp(value))
    return times


def _remember_minute(text: str, minutes: dict[str, int]) -> int | None:
    if len(text) == 24 and text[4:17:3] == "--T::":
        start = parse_timestamp(f"{text[:17]}00.000Z")
        if start is not None:
            minutes[text[:17]] = start
    return parse_timestamp(text)


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
    return seconds * 1_000_000 + int((match[7] or "").ljust(9, "0")) // 1_000


def _offset_minutes(sign: str | None, hours: str | None, minutes: str | None) -> int | None:
    if sign is None or hours is None:
        return 0
    offset = int(hours) * 60 + int(minutes or 0)
    if offset > _MAX_OFFSET_MINUTES or int(minutes or 0) > 59:
        return None
    return -offset if sign == "-" else offset
