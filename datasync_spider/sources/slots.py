"""The named slots of a source's texts: ``{page_size}``, ``{since}``, ``{until}`` and ``{slice.NAME}``.

Invariant: what is filled in is never read again, so a value cannot bring slots of its own; and it stays within the part
that the slot stands in: it cannot change a URL's path or host, nor begin another header. All raise ValueError, whose
message holds no value.

A brace that begins no name is a text as any other, so that JSON can stand in a parameter. In a body only the slots that
there are stand out, so that GraphQL can stand there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

from datasync_spider.sources.spec import Pairs, SliceValues

SLICE = "slice."
PAGE_SIZE = "page_size"
TIMES = frozenset({"since", "until"})

_SLOT = re.compile(r"\{\s*(?P<name>[A-Za-z_][\w.-]*)?\s*(?P<close>\})?")
_OF_A_BODY = re.compile(r"\{(page_size|since|until|slice\.[A-Za-z_][\w.-]*)\}")
_URL = re.compile(r"(?P<origin>[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)
_OF_A_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?")
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class NoValue(ValueError):
    """A slot that nothing fills."""


def slots(text: str) -> tuple[str, ...]:
    """The names of the slots, in their order. Raises ValueError for what begins as a slot and is none."""
    return tuple(name for match in _SLOT.finditer(text) if (name := _name(match)) is not None)


def slots_of_body(text: str) -> tuple[str, ...]:
    """The names of the slots in a text of a body."""
    return tuple(_OF_A_BODY.findall(text))


def slot_values(
    values: SliceValues, *, page_size: int | None = None, since: str | None = None, until: str | None = None
) -> dict[str, str]:
    """What fills the slots of a request for the slice. What is None has no value."""
    given = {PAGE_SIZE: None if page_size is None else str(page_size), "since": since, "until": until}
    of_the_slice = {f"{SLICE}{name}": str(value) for name, value in values.items()}
    return of_the_slice | {name: value for name, value in given.items() if value is not None}


def fill(text: str, values: Mapping[str, str], write: Callable[[str], str] = str) -> str:
    """The text with its slots filled in, each value as ``write`` makes it."""

    def filled(match: re.Match[str]) -> str:
        name = _name(match)
        if name is None:
            return match[0]
        if name not in values:
            raise NoValue(f"{{{name}}} has no value")
        return write(values[name])

    return _SLOT.sub(filled, text)


def fill_body(text: str, values: Mapping[str, str]) -> str:
    """A text of a body with its slots filled in."""

    def filled(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise NoValue(f"{{{match[1]}}} has no value")
        return values[match[1]]

    return _OF_A_BODY.sub(filled, text)


def with_stand_ins(text: str, stand_in: str) -> str:
    """The text with ``stand_in`` in the place of each slot, whichever it is."""
    return _SLOT.sub(lambda match: match[0] if _name(match) is None else stand_in, text)


def fill_query(pairs: Pairs, values: Mapping[str, str]) -> Pairs:
    """Not yet escaped. A pair whose ``{since}`` or ``{until}`` has no value is left out."""
    absent = TIMES - values.keys()
    return tuple((name, fill(text, values)) for name, text in pairs if absent.isdisjoint(slots(text)))


def fill_url(template: str, values: Mapping[str, str]) -> str:
    """A URL, or what follows ``base_url`` in one; values are percent-encoded, or parts of a host."""
    parts = _URL.fullmatch(template)
    assert parts is not None
    path = fill(parts["path"], values, _in_path)
    if any(unquote(segment) in {".", ".."} for segment in path.split("/")):
        raise ValueError("a step of its path would be . or .., which leads elsewhere")
    return fill(parts["origin"] or "", values, _in_host) + path + fill(parts["rest"], values, _escaped)


def fill_header(text: str, values: Mapping[str, str]) -> str:
    """A header's value, which holds no secret."""
    return checked_header(fill(text, values))


def checked_header(text: str) -> str:
    """The same text, which is visible ASCII characters with blanks between them."""
    if not is_header_text(text):
        raise ValueError("no header can carry it: it is empty, or holds a line end or characters that are not ASCII")
    return text


def is_header_text(text: str) -> bool:
    """Whether a header can carry it."""
    return _HEADER.fullmatch(text) is not None


def _name(match: re.Match[str]) -> str | None:
    """The slot's; None for a brace that begins none."""
    if match["name"] is None and match["close"] is None:
        return None
    if match[0] != f"{{{match['name']}}}":
        raise ValueError(f"{match[0].strip()} is no slot: a slot is a name in braces, such as {{{PAGE_SIZE}}}")
    return match["name"]


def _escaped(value: str) -> str:
    return quote(value, safe="")


def _in_path(value: str) -> str:
    if not value:
        raise ValueError("an empty value would leave a step of its path out")
    return _escaped(value)


def _in_host(value: str) -> str:
    if not _OF_A_HOST.fullmatch(value):
        raise ValueError("a value is no part of a host's name")
    return value
