"""What there is to say of a stream's name that the database does not know. Pure.

Invariant: a database without any stream knows no name and doubts none. A crawl may begin a stream; whatever only looks
at one, or changes what is stored of it, needs one that there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

_LISTED = 10


def unknown(stream: str, known: Sequence[str]) -> str | None:
    """Why there is nothing to see or to change of ``stream``; None where there is, or no stream at all yet."""
    if not known or stream in known:
        return None
    return f"there is no stream {stream}, which STREAM names: {_what_there_is(stream, known)}"


def new(stream: str, known: Sequence[str]) -> str | None:
    """What to say before a crawl begins ``stream`` beside others; None where it begins none, or the first."""
    if not known or stream in known:
        return None
    return f"stream {stream} is new; {_what_there_is(stream, known)}"


def _what_there_is(stream: str, known: Sequence[str]) -> str:
    listed = ", ".join(known[:_LISTED])
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    close = get_close_matches(stream, known, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    return f"this database has: {listed}{more}{guess}"
