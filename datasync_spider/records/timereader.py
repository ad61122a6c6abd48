"""Reads the times of a stream in the format that its source declares.

Invariant: as of :mod:`datasync_spider.records.timestamp`: a value is understood exactly, or it is no time; what is
below a microsecond is cut off toward the past. In a declared format nothing is guessed from a number's size, and what
is written otherwise is no time. A time that names no zone is one of the declared zone, UTC where none is; one that a
change of clocks makes twice is the earlier of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from datasync_spider.records.timestamp import (
    FIRST_US,
    INVISIBLE,
    LAST_US,
    is_naive,
    parse_iso,
    parse_timestamp,
    parse_timestamps,
)
from datasync_spider.sources.timeformats import zone_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# What a unit is of a microsecond, as a power of ten.
_UNITS: Final = {"s": 6, "ms": 3, "us": 0, "ns": -3}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?")
# Far beyond the calendar in each unit.
_LARGEST_POWER = 25
_MOST_BITS = 4_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC_2822 = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
    r"(?P<day>[0-9]{1,2})\s+(?P<month>[a-z]{3})\s+(?P<year>[0-9]{2}|[0-9]{4})\s+"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
    r"(?:\s+(?P<zone>[+-][0-9]{4}|[a-z]{1,3}))?(?:\s*\([^()]*\))?",
    re.IGNORECASE | re.ASCII,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {
    **dict.fromkeys(("ut", "utc", "gmt", "z"), 0),
    "edt": -4,
    "est": -5,
    "cdt": -5,
    "cst": -6,
    "mdt": -6,
    "mst": -7,
    "pdt": -7,
    "pst": -8,
}


class TimeReader:
    """``form``: one of TIME_FORMATS, or a pattern of ``strptime``; ``zone``: of times that name none."""

    def __init__(self, form: str = "auto", zone: str | None = None) -> None:
        self._zone: tzinfo = UTC if zone is None else zone_of(zone)
        self.one: Callable[[Any], int | None]
        """Microseconds since 1970-01-01 UTC, or None. Give numbers as int, or as their text."""
        match form:
            case "auto":
                self.one = parse_timestamp if zone is None else self._auto
            case "iso":
                self.one = self._iso
            case "rfc2822":
                self.one = self._rfc2822
            case "s" | "ms" | "us" | "ns":
                self.one = _of_unit(_UNITS[form])
            case _:
                self.one = self._by_pattern(form)
        self._is_auto = form == "auto" and zone is None
        self._is_iso = form == "iso" and zone is None

    def many(self, values: Sequence[Any]) -> list[int | None]:
        """The same for each."""
        if self._is_auto or (self._is_iso and set(map(type, values)) == {str} and not any(map(_may_be_number, values))):
            times_us = parse_timestamps(list(values))
            if self._is_auto or None not in times_us:
                return times_us
        return list(map(self.one, values))

    def _auto(self, value: Any) -> int | None:
        text = _text(value) if isinstance(value, str) else None
        if text is not None and is_naive(text):
            return self._iso(text)
        return parse_timestamp(value)

    def _iso(self, value: Any) -> int | None:
        if not isinstance(value, str):
            return None
        text = _text(value)
        if _DATE.fullmatch(text):
            text = f"{text}T00:00"
        time_us = parse_iso(text)
        if time_us is None or self._zone is UTC or not is_naive(text):
            return time_us
        return self._placed(_EPOCH.replace(tzinfo=None) + time_us * _MICROSECOND)

    def _rfc2822(self, value: Any) -> int | None:
        match = _RFC_2822.fullmatch(_text(value)) if isinstance(value, str) else None
        if match is None or match["month"].lower() not in _MONTHS:
            return None
        zone = self._named_zone(match["zone"])
        year, second = int(match["year"]), int(match["second"] or 0)
        if len(match["year"]) == 2:
            year += 2000 if year < 50 else 1900
        # A leap second is the next minute's first one.
        leap, second = divmod(second, 60) if second == 60 else (0, second)
        try:
            time = datetime(
                year,
                _MONTHS.index(match["month"].lower()) + 1,
                int(match["day"]),
                int(match["hour"]),
                int(match["minute"]),
                second,
                tzinfo=zone,
            )
            return _microseconds(time + timedelta(minutes=leap)) if zone is not None else None
        except (ValueError, OverflowError):
            return None

    def _named_zone(self, name: str | None) -> tzinfo | None:
        """None for a name that says nothing: most of the letters of the military were used wrongly for ever."""
        if name is None:
            return self._zone
        if name[0] in "+-":
            hours, minutes = int(name[1:3]), int(name[3:])
            offset = timedelta(hours=hours, minutes=minutes)
            is_one = minutes < 60 and offset <= timedelta(hours=18)
            return timezone(-offset if name[0] == "-" else offset) if is_one else None
        hours_of = _ZONES.get(name.lower())
        return None if hours_of is None else timezone(timedelta(hours=hours_of))

    def _by_pattern(self, pattern: str) -> Callable[[Any], int | None]:
        def read(value: Any) -> int | None:
            text = _number_text(value)
            if text is None:
                return None
            try:
                time = datetime.strptime(_text(text), pattern)  # noqa: DTZ007 - its zone is looked at next
            except (ValueError, OverflowError):
                return None
            return self._placed(time) if time.tzinfo is None else _microseconds(time)

        return read

    def _placed(self, time: datetime) -> int | None:
        """Of a time that names no zone."""
        return _microseconds(time.replace(tzinfo=self._zone))


def _of_unit(power: int) -> Callable[[Any], int | None]:
    scale = 10 ** abs(power)

    def read(value: Any) -> int | None:
        if type(value) is int:
            return _in_calendar(value * scale if power >= 0 else value // scale)
        text = _number_text(value)
        if text is None or not _NUMBER.fullmatch(text := _text(text)):
            return None
        sign, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        number = Decimal((sign, digits, exponent + power))
        if number and number.adjusted() > _LARGEST_POWER:
            return None
        return _in_calendar(int(number.to_integral_value(ROUND_FLOOR)))

    return read


def _number_text(value: Any) -> str | None:
    """The text that was given, or that of the number."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and value.bit_length() < _MOST_BITS else None


def _text(value: str) -> str:
    return value.strip(INVISIBLE)


def _may_be_number(text: str) -> bool:
    return text[4:5] != "-"


def _microseconds(time: datetime) -> int | None:
    try:
        return _in_calendar((time.astimezone(UTC) - _EPOCH) // _MICROSECOND)
    except (ValueError, OverflowError):
        return None


def _in_calendar(time_us: int) -> int | None:
    return time_us if FIRST_US <= time_us <= LAST_US else None
