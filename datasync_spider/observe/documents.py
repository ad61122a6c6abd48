"""``python -m datasync_spider.observe.documents [--write]``: the reference page of the columns, made of the registry.

Without ``--write`` it exits 1 where the page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from datasync_spider.observe.columns import LINE, MACHINE, RUN, STREAM, Column
from datasync_spider.observe.markdown import table, with_table

PAGE = Path("docs/reference/columns.md")
_HEAD = ("key", "label", "unit", "meaning", "metric of a crawl")


def made(page: str) -> str:
    """The page with its tables as the registry has them."""
    tables = {"Of a stream": STREAM, "Of a line": LINE, "Of a machine": MACHINE, "Of a run": RUN}
    for heading, columns in tables.items():
        page = with_table(page, heading, table(_HEAD, _rows(columns)))
    return page


def _rows(columns: Iterable[Column]) -> list[tuple[str, ...]]:
    return [(f"`{c.key}`", c.label, c.unit, c.help, _metric(c)) for c in columns]


def _metric(column: Column) -> str:
    if column.outcome:
        return f'`datasync_events_total{{outcome="{column.outcome}"}}`'
    return f"`{column.metric}_total`" if column.metric else ""


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = made(old)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"{PAGE} differs: python -m {__spec__.name} --write makes it")
