"""A counter: so many records of the stream are left out.

Invariant: the next offset counts the records that came, not those that were asked for, so that a server that gives
fewer loses none. A page without a record repeats its position.
"""

from __future__ import annotations

from datasync_spider.errors import PositionRefused
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import Next

_LARGEST = 2**63 - 1


class OffsetPaginator:
    """``next_``: from the counter ``offset`` to ``query``. The position is the number as text."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        """The first page's offset is sent as well. Raises PositionRefused for a position that is no offset."""
        keep = None if position is None else self._next.keep
        return Ask(query=((self._next.parameter, str(self._offset(position))),), keep=keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Never None. Raises PositionRefused where the offset would be larger than any counter."""
        offset = self._offset(position) + answer.records
        if offset > _LARGEST:
            raise PositionRefused(f"an offset beyond {_LARGEST} counts no records")
        return str(offset)

    def _offset(self, position: str | None) -> int:
        if position is None:
            return int(self._next.first or 0)
        # The length first: digits without end take time to read.
        if len(position) > len(str(_LARGEST)) or not position.isascii() or not position.isdigit():
            raise PositionRefused("the stored position is no offset")
        offset = int(position)
        if offset > _LARGEST:
            raise PositionRefused(f"the stored position is an offset beyond {_LARGEST}")
        return offset
