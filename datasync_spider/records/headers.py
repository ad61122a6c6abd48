"""Headers as others take them and give them: pairs of bytes on a connection, a plain mapping in pure layers. Pure.

Scrapy's are a dictionary of lists of bytes by normalised name, and are used as such here, unknown by their class: their
own methods ask of each name and value what it is, each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable

Headers: TypeAlias = dict[bytes, list[bytes]]
Pair: TypeAlias = tuple[bytes, bytes]

# What several lines of these say is one list, and each of its values may matter.
_LISTS = ("retry-after", "ratelimit", "x-ratelimit", "x-rate-limit")


def fill_headers(headers: Headers, pairs: Iterable[Pair]) -> None:
    """Puts in what came, as ``headers.update(pairs)`` does."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name.title(), []).append(value)
    dict.update(headers, values)


def header_pairs(headers: Headers) -> list[Pair]:
    """One for each value, repeated headers in their order."""
    return [(name, value) for name, values in _items(headers) for value in values]


def plain_headers(headers: Headers) -> dict[str, str]:
    """Text by lower-case name; of a repeated header the last value, unless it speaks of waits and limits: then all."""
    plain = {}
    for raw_name, values in _items(headers):
        if values:
            name = raw_name.decode("latin-1").lower()
            is_list = len(values) > 1 and name.startswith(_LISTS)
            plain[name] = (b", ".join(values) if is_list else values[-1]).decode("latin-1")
    return plain


def listed_headers(headers: Headers) -> dict[str, list[str]]:
    """All values of each header, by its lower-case name."""
    return {
        name.decode("latin-1").lower(): [value.decode("latin-1") for value in values]
        for name, values in _items(headers)
    }


def merged_pairs(*groups: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """All pairs of text; of those with one name, in whichever case, the last stands for all."""
    merged = {name.lower(): (name, value) for group in groups for name, value in group}
    return tuple(merged.values())


def plain_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The same of pairs of text, in their order."""
    plain: dict[str, str] = {}
    for raw_name, value in pairs:
        name = raw_name.lower()
        plain[name] = f"{plain[name]}, {value}" if name in plain and name.startswith(_LISTS) else value
    return plain


def listed_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The same of pairs of text."""
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name.lower(), []).append(value)
    return lists


def _items(headers: Headers) -> ItemsView[bytes, list[bytes]]:
    return dict.items(headers)
