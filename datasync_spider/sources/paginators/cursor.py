"""A cursor in the body, in a header or in the last record, which goes into a parameter of the query or into a header.

Invariant: the position is the cursor's own text, and goes back to the API as that.
"""

from __future__ import annotations

from datasync_spider.sources.paginators.protocol import Answer, Ask, agreed, make_ask, make_first_ask, named, part
from datasync_spider.sources.spec import Next


class CursorPaginator:
    """``next_``: from ``body``, ``header`` or ``last`` to ``query`` or ``header``."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused for a position that no header can carry, where it goes into one."""
        if position is None:
            return make_first_ask(self._next)
        return make_ask([(self._next, position)], self._next.keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no cursor, PageContradiction where there are two."""
        return agreed([part(self._next, value) for value in named(self._next, answer)])
