"""What is around the events of a page: where the paging fields are, and how they are spelt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from datasync_spider.records.page import Page
from datasync_spider.sources.paths import exact_number, whole_number

# What each field is for, by its name without underscores and capitals.
_MEANINGS = {
    "hasmore": "more",
    "nextcursor": "cursor",
    "cursorexpiresin": "cursor life",
    "total": "total",
    "returned": "returned",
    "requestid": "request id",
    "limit": "limit",
}
_decode = msgspec.json.Decoder(float_hook=exact_number).decode


class Envelope(Struct, frozen=True):
    """``fields``: the path of each paging field by its meaning, such as ``pagination.total`` for ``total``.

    ``others``: what else is there. ``limit``: the page size that the answer reports.
    """

    array: str
    layout: str
    spelling: str
    fields: dict[str, str]
    others: tuple[str, ...]
    limit: int | None
    returned: int | None


def read_envelope(body: bytes, page: Page, arrays: Sequence[str]) -> Envelope | None:
    """The envelope of a body that was read as ``page``; None where only a lenient reader gets through it.

    ``arrays``: the names under which records may stand.
    """
    try:
        members = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=dict[str, msgspec.Raw])
        array = _array(members, arrays)
        around = {name: _decode(bytes(raw)) for name, raw in members.items() if name != array}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, StopIteration):
        return None
    fields: dict[str, str] = {}
    values: dict[str, Any] = {}
    others: list[str] = []
    for path, value in _leaves(around):
        meaning = _MEANINGS.get(path.rpartition(".")[2].replace("_", "").lower())
        if meaning is None or meaning in fields:
            others += [path] if meaning is None else []
        else:
            fields[meaning], values[meaning] = path, value
    if page.next_cursor is None and not isinstance(values.get("cursor"), str | int | None):
        del fields["cursor"]
    return Envelope(
        array=array,
        layout=_layout(fields),
        spelling=_spelling(fields),
        fields=fields,
        others=tuple(others),
        limit=whole_number(values.get("limit")),
        returned=whole_number(values.get("returned")),
    )


def _array(members: dict[str, msgspec.Raw], arrays: Sequence[str]) -> str:
    """The name under which the reader finds the events, be it null for none. Raises StopIteration."""
    given = {name: bytes(members[name]) for name in arrays if name in members}
    lists = [name for name, raw in given.items() if raw.lstrip().startswith(b"[")]
    filled = [name for name in lists if msgspec.json.decode(given[name], type=list[msgspec.Raw])]
    return next(iter([*filled, *lists, *given]))


def _leaves(around: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Paths and values, one level deep: what the reader looks at. ``pagination`` and ``meta`` first, as it does."""
    for place in ("pagination", "meta"):
        if isinstance(around.get(place), dict):
            yield from ((f"{place}.{name}", value) for name, value in around[place].items())
    for name, value in around.items():
        if name not in {"pagination", "meta"} or not isinstance(value, dict):
            yield name, value


def _layout(fields: dict[str, str]) -> str:
    path = fields.get("cursor") or fields.get("more") or ""
    return "nested" if "." in path else "flat"


def _spelling(fields: dict[str, str]) -> str:
    names = [path.rpartition(".")[2] for path in fields.values()]
    snake, camel = any("_" in name for name in names), any(name != name.lower() for name in names)
    if snake and camel:
        return "mixed"
    return "snake_case" if snake else "camelCase" if camel else "undecided"
