"""Whether a text can be an event's id: the key of a table, and what people look the event up by.

Invariant: an id is kept exactly as it was sent; nothing here strips or folds it.
"""

from __future__ import annotations

import unicodedata

from datasync_spider.observe.reasons import ID_EMPTY, ID_NUL, ID_TOO_LONG

MAX_ID_BYTES = 1_000
"""PostgreSQL's B-tree keys end at about 2,700 bytes; longer ids than this are a mistake long before that."""

_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def id_fault(event_id: str) -> str | None:
    """The slug of what is wrong with this id, or None."""
    if "\0" in event_id:
        return ID_NUL
    if all(unicodedata.category(character) in _INVISIBLE_CATEGORIES for character in event_id):
        return ID_EMPTY
    if len(event_id.encode()) > MAX_ID_BYTES:
        return ID_TOO_LONG
    return None
