"""Reads what a stream's requests are made of, beside headers and parameters.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import whole_number
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.spec import PageSize

# In place of a largest page that is wrong.
_ANY = 2**53


def read_page_size(table: Table) -> PageSize | None:
    """None where an API decides for itself."""
    given = table.raw("page_size")
    if not isinstance(given, dict):
        whole = Kind(whole_number(1).read, "a whole number from 1, or a table such as { default = 100, max = 1000 }")
        number = table.take("page_size", whole, None)
        return None if number is None else PageSize(default=number, most=number)
    inner = table.inner("page_size", given, keys.PAGE_SIZE)
    default = inner.need("default", whole_number(1), 1)
    most = inner.take("max", whole_number(1), default if "max" not in inner else _ANY)
    if most < default:
        allowed = f"a whole number from 1 to {most:,}"
        inner.refuse("default", f"it is above max, which is {most:,}", allowed, str(default))
    return PageSize(default=default, most=most)
