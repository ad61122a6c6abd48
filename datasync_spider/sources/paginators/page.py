"""A counter of pages.

Invariant: the position is the page's number, and each one leads to the next, whatever the page held, so that none is
skipped. It means something only as long as pages have the same size.
"""

from __future__ import annotations

from datasync_spider.sources.paginators.counting import count_of, counted, make_count_ask
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import Next

_WHAT = "number of a page"


class PagePaginator:
    """``next_``: from the counter ``page`` to anything but a URL. The position is the number as text."""

    def __init__(self, next_: Next) -> None:
        self._next = next_
        self._first = 1 if next_.first is None else int(next_.first)

    def ask(self, position: str | None) -> Ask:
        """The first page's number is sent as well. Raises PositionRefused for a position that is no number."""
        return make_count_ask(self._next, count_of(position, self._first, _WHAT), is_first=position is None)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Never None. Raises PositionRefused where the number would be larger than any counter."""
        return counted(count_of(position, self._first, _WHAT) + 1, _WHAT)
