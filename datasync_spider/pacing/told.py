"""When a server says "come back", in the forms that servers use: seconds, a date, or an epoch.

Invariant: garbage is None and never an exception, a moment in the past is 0.0, and what comes out is finite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{0,9})?")
_DATE = re.compile(r"[A-Za-z]{3,9},? .{10,40}")
# Three years are no wait, and three years after 1970 no date of today: below is a duration, above an epoch.
_FIRST_EPOCH_S = 1e8
_FIRST_EPOCH_MS = 1e11
_FIRST_NONSENSE = 1e14


def seconds_told(text: str, server_epoch: float) -> float | None:
    """The seconds from now that ``text`` tells, by the server's own clock."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _from_number(float(text), server_epoch)
    moment = http_date(text)
    return None if moment is None else max(0.0, moment - server_epoch)


def is_whole(text: str) -> bool:
    """Whether what this told is good to a second only, so that it may have been rounded, either way."""
    text = text.strip()
    return not _NUMBER.fullmatch(text) or ("." not in text and float(text) < _FIRST_EPOCH_MS)


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
    """The server's time, by the Date of its answer where it tells one.

    An epoch or a date is the server's; measured by our own clock it would be wrong by as much as the two differ.
    """
    date = http_date(headers.get("date", "").strip())
    return now_epoch if date is None else date


def _from_number(number: float, server_epoch: float) -> float | None:
    if number < _FIRST_EPOCH_S:
        return number
    if number < _FIRST_EPOCH_MS:
        return max(0.0, number - server_epoch)
    if number < _FIRST_NONSENSE:
        return max(0.0, number / 1_000 - server_epoch)
    return None
