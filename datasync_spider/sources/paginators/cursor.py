"""A token in the body that goes into a parameter of the next request."""

from __future__ import annotations

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.reasons import CURSOR_NUL, CURSOR_WRONG_TYPE, TWO_CURSORS
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.spec import Next


class CursorPaginator:
    """``to = "query:…"``."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        query = () if position is None else ((self._next.parameter, position),)
        return Ask(query=query, keep=None if position is None else self._next.keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        tokens = {token for path in self._next.paths if (token := _token(path.read(answer.body)))}
        if len(tokens) > 1:
            raise PageContradiction(TWO_CURSORS)
        return tokens.pop() if tokens else None


def _token(value: object) -> str:
    if not value and not (isinstance(value, int) and not isinstance(value, bool)):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next cursor is {value!r:.80}")
    if "\0" in value:
        raise PageUnreadable(CURSOR_NUL)
    return value
