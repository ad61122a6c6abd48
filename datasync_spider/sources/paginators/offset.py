"""A counter: so many records of the stream are left out.

Invariant: the next offset counts the records that came, not those that were asked for, so that a server that gives
fewer loses none. A page without a record repeats its position.
"""

from __future__ import annotations

from datasync_spider.sources.paginators.counting import count_of, counted, make_count_ask
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import Next

_WHAT = "offset"


class OffsetPaginator:
    """``next_``: from the counter ``offset`` to anything but a URL. The position is the number as text."""

    def __init__(self, next_: Next) -> None:
        self._next = next_
        self._first = int(next_.first or 0)

    def ask(self, position: str | None) -> Ask:
        """The first page's offset is sent as well. Raises PositionRefused for a position that is no offset."""
        return make_count_ask(self._next, count_of(position, self._first, _WHAT), is_first=position is None)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Never None. Raises PositionRefused where the offset would be larger than any counter."""
        return counted(count_of(position, self._first, _WHAT) + answer.records, _WHAT)
