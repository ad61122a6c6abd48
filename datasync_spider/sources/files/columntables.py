"""Reads ``columns``: what the view of a stream has, and whether each crawl keeps it up.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from datasync_spider.sources.columns import FIXED, TYPES, Column
from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import boolean, choice, path, text_of
from datasync_spider.sources.files.tables import Kind, Table, shown
from datasync_spider.sources.paths import Path

AUTO = "auto"
_MOST = 1_000
_LONGEST_NAME_BYTES = 63
_ALLOWED = (
    '"auto", or a list of tables such as { path = "user.login", name = "author", type = "text" }, in which "auto" may'
    " stand, too"
)


class Columns(NamedTuple):
    """``is_auto``: each crawl keeps the view up."""

    declared: tuple[Column, ...] = ()
    is_auto: bool = False


def read_columns(table: Table) -> Columns:
    """None, where nothing is said of them."""
    given = table.raw("columns")
    if given is None:
        return Columns()
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(one == AUTO or isinstance(one, dict) for one in listed) or isinstance(given, dict):
        table.refuse("columns", "it is neither", _ALLOWED, shown(given))
        return Columns()
    if len(listed) > _MOST:
        table.refuse("columns", f"it is more than {_MOST:,}", _ALLOWED, "a long list")
        return Columns()
    declared: list[Column] = []
    names: set[str] = set()
    for position, values in enumerate(listed):
        if not isinstance(values, dict):
            continue
        column = _read_column(table.inner(f"columns[{position}]", values, keys.COLUMN), names)
        if column.name is not None:
            names.add(column.name)
        declared.append(column)
    return Columns(tuple(declared), AUTO in listed)


def _read_column(inner: Table, taken: set[str]) -> Column:
    return Column(
        path=inner.need("path", path(), Path(("?",))),
        name=inner.take("name", _column_name(taken), None),
        type=inner.take("type", choice(TYPES), None),
        is_masked=inner.take("mask", boolean(), False),
        is_indexed=inner.take("index", boolean(), False),
    )


def _column_name(taken: set[str]) -> Kind[str]:
    def read(value: Any) -> str:
        name = text_of(value)
        if len(name.encode()) > _LONGEST_NAME_BYTES or not name.isprintable():
            raise ValueError(f"it is longer than {_LONGEST_NAME_BYTES} bytes, or not printable")
        if name in FIXED:
            raise ValueError("each table of a stream has, or may get, a column of this name")
        if name in taken:
            raise ValueError("another column has this name")
        return name

    return Kind(read, f"up to {_LONGEST_NAME_BYTES} bytes of text, none of {', '.join(FIXED)}, each but once")
