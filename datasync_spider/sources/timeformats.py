"""In which ways a stream's times are written: names of formats, patterns of ``strptime``, and zones.

Invariant: what is accepted here leads to the same time on every host: nothing depends on its language, its zone, or on
the day on which it is read.
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

TIME_FORMATS: Final = ("auto", "iso", "s", "ms", "us", "ns", "rfc2822")

_LONGEST_PATTERN = 100
_MOST_OFFSET = timedelta(hours=18)
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_DIRECTIVES = frozenset("aAbBdfGHIjmMpSuUVWwyYz%")
_YEARS = frozenset("GyY")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
# With a fraction, so that a pattern that drops it is none that is wrong.
_SOME_TIME = datetime(2024, 5, 17, 13, 14, 15, 678901, tzinfo=UTC)


def check_pattern(pattern: str) -> None:
    """Raises ValueError for what is no pattern of ``strptime`` that says the year, or that hosts read differently."""
    names = _DIRECTIVE.findall(pattern)
    if not names:
        raise ValueError("it is none of these, and no pattern, which has a % in it")
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"it is longer than {_LONGEST_PATTERN} characters")
    unknown = sorted(set(names) - _DIRECTIVES)
    if unknown:
        raise ValueError(f"%{unknown[0]} is no part of a pattern that means the same on every host")
    if not _YEARS & set(names):
        raise ValueError("it says no year")
    try:
        datetime.strptime(_SOME_TIME.strftime(pattern), pattern)  # noqa: DTZ007 - whether it works is all
    except (ValueError, re.error):
        raise ValueError("it is no pattern of strptime") from None


def zone_of(text: str) -> tzinfo:
    """The zone of this name, or with this offset from UTC. Raises ValueError."""
    if text.upper() in {"UTC", "Z"}:
        return UTC
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset > _MOST_OFFSET or int(match[3]) > 59:
            raise ValueError("it is no offset of a zone")
        return timezone(-offset if match[1] == "-" else offset)
    if text == "localtime":
        raise ValueError("it is another zone on each host")
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no zone of this name is known here (the package tzdata has them)") from None
