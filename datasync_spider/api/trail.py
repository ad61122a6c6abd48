"""The cursors of one walk. A feed that gives one twice walks in a circle, be it A,A or A,B,A."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from datasync_spider.errors import CursorRepeated

_DIGEST_BYTES = 16


def digest(cursor: str) -> bytes:
    """What is remembered of a cursor: 16 bytes, since cursors may be long and walks too."""
    return blake2b(cursor.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


class CursorTrail:
    """A set that refuses what it holds already."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._seen = set(digests)

    def follow(self, cursor: str) -> None:
        """Remembers the cursor. Raises CursorRepeated where this walk has had it."""
        key = digest(cursor)
        if key in self._seen:
            raise CursorRepeated("the feed gave a cursor that this walk has followed before; the position is kept")
        self._seen.add(key)
