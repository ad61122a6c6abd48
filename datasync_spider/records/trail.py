"""The cursors of one chain, so that a feed that leads in a circle is noticed however wide the circle is.

Digests, not cursors: a chain may have millions of pages, and a cursor no upper length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from datasync_spider.errors import CursorRepeated

_DIGEST_BYTES = 16


def digest(cursor: str) -> bytes:
    """16 bytes that stand for the cursor; the same in every run."""
    return hashlib.blake2b(cursor.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


class CursorTrail:
    """``earlier``: digests of the cursors that this chain has been through before."""

    def __init__(self, earlier: Iterable[bytes] = ()) -> None:
        self._seen = set(earlier)

    def __len__(self) -> int:
        return len(self._seen)

    def follow(self, cursor: str) -> None:
        """Notes that this cursor is going to be asked for. Raises CursorRepeated if it has been before."""
        mark = digest(cursor)
        if mark in self._seen:
            raise CursorRepeated(
                f"the feed leads in a circle: a cursor came a second time after {len(self._seen)} (digest {mark.hex()})"
            )
        self._seen.add(mark)
