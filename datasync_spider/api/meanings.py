"""What a source says that an answer means, before anything else is made of it.

Invariant: rows are tried in their order, and the first that fits decides, whatever the status would mean by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasync_spider.api.reading import decoded
from datasync_spider.errors import PageUnreadable
from datasync_spider.sources.spec import Meaning, MeaningRow


class Declared(PageUnreadable):
    """A body of status 200 that means something else than a page, as its source says."""

    def __init__(self, means: Meaning) -> None:
        super().__init__("declared", means)
        self.means = means


def find_meaning(rows: Iterable[MeaningRow], status: int, body: Any) -> Meaning | None:
    """``body``: what the answer's JSON was read as; a list or an object in which nothing is found where it is none."""
    return next((row.means for row in rows if _fits(row, status, body)), None)


def meaning_of_error(rows: Iterable[MeaningRow], status: int, body: bytes) -> Meaning | None:
    """The same of an answer whose body is not read for a page."""
    of_status = [row for row in rows if row.status in {None, status}]
    return find_meaning(of_status, status, decoded(body)) if of_status else None


def _fits(row: MeaningRow, status: int, body: Any) -> bool:
    if row.status is not None and row.status != status:
        return False
    # True is 1 to Python, and not to an API.
    return row.path is None or (
        (found := row.path.read(body)) == row.value and isinstance(found, bool) is isinstance(row.value, bool)
    )
