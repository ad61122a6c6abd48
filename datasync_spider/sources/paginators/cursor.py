"""A cursor in the body or in a header, which goes into a parameter of the query.

Invariant: the position is the cursor's own text, and goes back to the API as that.
"""

from __future__ import annotations

from datasync_spider.sources.paginators.naming import agreed, named
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import Next
from datasync_spider.sources.values import token


class CursorPaginator:
    """``next_``: from ``body`` or ``header`` to ``query``."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        """The first page is asked for with all of the stream's own parameters, and with no cursor."""
        if position is None:
            return Ask()
        return Ask(query=((self._next.parameter, position),), keep=self._next.keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no cursor, PageContradiction where there are two."""
        return agreed([token(value) for value in named(self._next, answer)])
