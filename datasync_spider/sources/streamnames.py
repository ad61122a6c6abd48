"""Names of streams and slices: how they are shown, and what there is to say of one that is not known. Pure.

Invariant: a crawl may begin a stream, and of the first one no name is uncertain; whatever only looks at one, or changes
what is stored of it, needs one that there is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches

NO_SLICE = "{}"
"""The name of the one slice of a stream that has none: the canonical JSON of no values."""

_LISTED = 10


def label(stream: str, slice_name: str) -> str:
    """A slice for people."""
    return stream if slice_name == NO_SLICE else f"{stream} {slice_name}"


def command_words(stream: str, slice_name: str) -> str:
    """A slice as the commands of ``scrapy streams`` take it, to be typed in a shell."""
    return stream if slice_name == NO_SLICE else f"{stream} --slice {shlex.quote(slice_name)}"


def unknown(stream: str, slice_name: str, known: Sequence[str]) -> str:
    """Why there is nothing to see or to change of the slice, which the database does not have."""
    if stream in known:
        return f"the stream {stream} has no slice {slice_name}, which SLICE names: scrapy streams lists what there is"
    return f"there is no stream {stream}, which STREAM names: {_what_there_is(stream, known)}"


def not_registered(stream: str, slice_name: str | None, known: Sequence[str], slices: Sequence[str] = ()) -> str:
    """Why there is nothing to show or to change of what was named on a command line. ``slices``: of the stream."""
    if stream in known:
        return (
            f"the stream {stream} has no slice {slice_name}: it has {_listed(str(slice_name), slices)};"
            f" scrapy streams list --stream {stream} lists them"
        )
    kind = "no stream is like" if is_pattern(stream) else "there is no stream"
    return f"{kind} {stream}: {_what_there_is(stream, known)}"


def not_there(name: str, known: Sequence[str]) -> str:
    """Why nothing is meant by what was named. ``known``: all that there is to be named."""
    kind = "nothing is like" if is_pattern(name) else "there is no source, stream or slice"
    return f"{kind} {name}: there are {_listed(name, known)}"


def is_pattern(text: str) -> bool:
    """Whether more than one name may be meant. A bracket means itself: names of slices are JSON."""
    return "*" in text or "?" in text


def like(pattern: str, names: Sequence[str]) -> list[str]:
    """Those that are of the pattern: ``*`` is any text, ``?`` one character; a name is of itself."""
    if not is_pattern(pattern):
        return [name for name in names if name == pattern]
    parts = ("".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)) or "(?!)"
    return [name for name in names if name == pattern or re.fullmatch(parts, name, re.DOTALL)]


def new(stream: str, known: Sequence[str]) -> str | None:
    """What to say before a crawl begins ``stream`` beside others; None where it begins none, or the first."""
    if not known or stream in known:
        return None
    return f"stream {stream} is new; {_what_there_is(stream, known)}"


def _what_there_is(stream: str, known: Sequence[str]) -> str:
    return f"this database has: {_listed(stream, known)}"


def _listed(name: str, known: Sequence[str]) -> str:
    listed = ", ".join(known[:_LISTED])
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    close = get_close_matches(name, known, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    return f"{listed or 'none yet'}{more}{guess}"
