"""Reads how a sync after the first one is shorter.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import Literal

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice
from datasync_spider.sources.files.tables import Table
from datasync_spider.sources.spec import Incremental, TimeFormat

_TYPES: tuple[Literal["known", "none"], ...] = ("known", "none")
_FORMATS: tuple[TimeFormat, ...] = ("iso", "s", "ms", "us", "ns")
_LATER_INCREMENTAL = ("since", "resume", "window", "conditional")


def read_incremental(table: Table) -> Incremental:
    """None of it where nothing is said."""
    inner = table.table("incremental", keys.INCREMENTAL, 'a table such as { type = "known" }')
    if inner is None:
        return Incremental()
    return Incremental(
        type=inner.need("type", choice(_TYPES, later=_LATER_INCREMENTAL), "none"),
        format=inner.take("format", choice(_FORMATS), "iso"),
    )
