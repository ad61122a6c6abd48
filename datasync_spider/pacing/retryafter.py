"""When a server says "come back", in the forms that servers use: seconds, a duration with units, a moment.

Invariants: garbage is None and never an exception, a moment in the past is 0.0, what comes out is finite, and of two
readings the later one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

_NUMBER = re.compile(r"[0-9]{1,40}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_DATE = re.compile(r"[A-Za-z]{3,9},? .{10,40}")
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}", re.IGNORECASE)
_ISO_8601 = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9]{2}.{2,30}", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{0,9})? ?[a-z]+ ?)+", re.IGNORECASE)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?) ?([a-z]+)", re.IGNORECASE)
_SECONDS_OF = {
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
# Three years are no wait, and three years after 1970 no date of today: below is a duration, from here on an epoch.
FIRST_IMPLAUSIBLE = 1e8
_FIRST_EPOCH_MS = 1e11
_UNITS_OF_EPOCHS = (1.0, 1e3, 1e6, 1e9)
# A window that ended, or a clock that is slow. What lies further back is no moment of today's.
_LONGEST_PAST_SECONDS = 366 * 86_400.0
_MOST = 1e15


class GivenWait(NamedTuple):
    """``is_plausible``: some unit makes it a wait, or a moment not long past; else ``seconds`` is the number itself."""

    seconds: float
    is_plausible: bool


def given_wait(text: str, server_epoch: float) -> GivenWait | None:
    """The wait from now on, by the server's own clock; of a list's values the longest plausible one."""
    reported = [one for one in (_reported(part, server_epoch) for part in _parts(text)) if one is not None]
    return max(reported, key=lambda one: (one.is_plausible, one.seconds), default=None)


def given_seconds(text: str, server_epoch: float) -> float | None:
    """The same, where it is plausible."""
    reported = given_wait(text, server_epoch)
    return reported.seconds if reported is not None and reported.is_plausible else None


def is_whole(text: str) -> bool:
    """Whether what this reported is good to a second only, so that it may have been rounded, either way."""
    text = text.strip()
    return not _NUMBER.fullmatch(text) or ("." not in text and float(text) < _FIRST_EPOCH_MS)


def is_moment(text: str) -> bool:
    """Whether this reported a moment, and not how far away it is."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text) >= FIRST_IMPLAUSIBLE
    return bool(_DATE.fullmatch(text) or _ISO_8601.fullmatch(text))


@lru_cache(4)
def http_date(text: str) -> float | None:
    """An HTTP date as an epoch."""
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is UTC in HTTP; Python would take it for the host's time.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def server_clock(headers: Mapping[str, str], now_epoch: float) -> float:
    """The server's time, by the Date of its answer where it has one.

    An epoch or a date is the server's; measured by our own clock it would be wrong by as much as the two differ.
    """
    date = http_date(headers.get("date", "").strip())
    return now_epoch if date is None else date


def _parts(text: str) -> Iterator[str]:
    """The values of a list, such as two header lines make; the comma of a date separates nothing."""
    text = text.strip()
    if _THOUSANDS.fullmatch(text) and len(set(text.split(","))) > 1:
        # A number in thousands, or a list: it is both, and the longest counts.
        yield text.replace(",", "")
    weekday = ""
    for part in text.split(","):
        whole = f"{weekday}{part}".strip().strip("\"'").strip()
        weekday = f"{whole}," if _WEEKDAY.fullmatch(whole) else ""
        if not weekday:
            yield whole


def _reported(text: str, server_epoch: float) -> GivenWait | None:
    if _NUMBER.fullmatch(text):
        return _from_number(float(text), server_epoch)
    duration = _duration(text)
    if duration is not None:
        return GivenWait(min(duration, _MOST), duration < FIRST_IMPLAUSIBLE)
    moment = _iso_8601(text) if _ISO_8601.fullmatch(text) else http_date(text)
    if moment is None:
        return None
    # In words a moment is a moment, however long it is past.
    seconds = max(0.0, moment - server_epoch)
    return GivenWait(seconds, seconds < FIRST_IMPLAUSIBLE)


def _from_number(number: float, server_epoch: float) -> GivenWait:
    if number < FIRST_IMPLAUSIBLE:
        return GivenWait(number, True)
    for unit in _UNITS_OF_EPOCHS:
        seconds = number / unit - server_epoch
        if -_LONGEST_PAST_SECONDS <= seconds < FIRST_IMPLAUSIBLE:
            return GivenWait(max(0.0, seconds), True)
    return GivenWait(min(number, _MOST), False)


def _duration(text: str) -> float | None:
    """``1m30s``, ``500ms``, ``5 seconds``."""
    if not _DURATION.fullmatch(text):
        return None
    parts = [(float(number), _SECONDS_OF.get(unit.lower())) for number, unit in _PART.findall(text)]
    return None if any(unit is None for _, unit in parts) else sum(number * (unit or 0.0) for number, unit in parts)


def _iso_8601(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
