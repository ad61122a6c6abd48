"""Reads what a source says of its answers beside its pages: what they mean.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import get_args

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, path, scalar, text, whole_number
from datasync_spider.sources.files.tables import Table, shown
from datasync_spider.sources.spec import Meaning, MeaningRow

_MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
_ROWS = 'a list of tables such as [{ status = 403, path = "error", value = "slow", means = "throttled" }]'
_SAYS = ("value", "substring")


def read_meanings(table: Table) -> tuple[MeaningRow, ...]:
    """In their order; none where nothing is said."""
    given = table.raw("meanings")
    if "meanings" not in table:
        return ()
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        table.refuse("meanings", "it is no list of tables", _ROWS, shown(given))
        return ()
    rows = (_meaning(table.inner(f"meanings[{index}]", row, keys.MEANING)) for index, row in enumerate(given))
    return tuple(rows)


def _meaning(row: Table) -> MeaningRow:
    if not any(key in row for key in ("status", "path", *_SAYS)):
        row.note("status", "is missing, and so are path and substring; allowed: at least one of them")
    if all(key in row for key in _SAYS):
        row.note("substring", "stands beside value; allowed: one of the two")
    elif "value" in row and "path" not in row:
        row.note("path", "is missing beside value; allowed: both or neither")
    elif "path" in row and not any(key in row for key in _SAYS):
        row.note("value", "is missing beside path, and so is substring; allowed: one of the two")
    return MeaningRow(
        means=row.need("means", choice(_MEANINGS), "fatal"),
        status=row.take("status", whole_number(100, 599), None),
        path=row.take("path", path(takes_body=True), None),
        value=row.take("value", scalar(), None),
        substring=row.take("substring", text(), None),
    )
