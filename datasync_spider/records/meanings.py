"""What a source says that an answer means, before anything else is made of it.

Invariant: rows are tried in their order, and the first that fits decides, whatever the status would mean by itself.
What stands within records is never looked at: they may hold any words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.exactjson import decoded
from datasync_spider.sources.paths import MISSING
from datasync_spider.sources.spec import Meaning, MeaningRow


class Declared(PageUnreadable):
    """A body of status 200 that means something else than a page, as its source says."""

    def __init__(self, means: Meaning) -> None:
        super().__init__("declared", means)
        self.means = means


def find_meaning(rows: Iterable[MeaningRow], status: int, text: bytes, body: Any) -> Meaning | None:
    """``text``: the answer without records; ``body``: what it is read as, in which nothing is where it is no JSON."""
    return next((row.means for row in rows if _fits(row, status, text, body)), None)


def meaning_of_error(rows: Iterable[MeaningRow], status: int, body: bytes) -> Meaning | None:
    """The same of an answer whose body is not read for a page."""
    of_status = [row for row in rows if row.status in {None, status}]
    return find_meaning(of_status, status, body, decoded(body)) if of_status else None


def _fits(row: MeaningRow, status: int, text: bytes, body: Any) -> bool:
    if row.status is not None and row.status != status:
        return False
    if row.path is None:
        return row.substring is None or row.substring.casefold() in text.decode("utf-8", "replace").casefold()
    found = row.path.read(body)
    if row.substring is not None:
        return found is not MISSING and row.substring.casefold() in _as_text(found).casefold()
    # True is 1 to Python, and not to an API.
    return bool(found == row.value) and isinstance(found, bool) is isinstance(row.value, bool)


def _as_text(found: Any) -> str:
    """A list or an object is looked through as JSON: some APIs list their errors."""
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()
