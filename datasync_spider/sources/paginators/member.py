"""A cursor in the body, in a header or in the last record, which goes into the body of the next request.

Invariant: the value goes back with its type and its digits. A position is the cursor's own text; of a value that is no
text, or of a text that could be taken for such a position, it is the canonical JSON of a list of that one.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import PositionRefused
from datasync_spider.sources.jsontext import read_json, written_json
from datasync_spider.sources.paginators.protocol import Answer, Ask, agreed, make_ask, make_first_ask, named, part
from datasync_spider.sources.spec import Next

_LIST = "["


class MemberPaginator:
    """``next_``: from ``body``, ``header`` or ``last`` to ``body``."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused for a position that is no cursor of this class."""
        if position is None:
            return make_first_ask(self._next)
        return make_ask([(self._next, _value(position))], self._next.keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no cursor, PageContradiction where there are two."""
        return agreed([_position(part(self._next, value)) for value in named(self._next, answer)])


def _position(value: Any) -> str:
    if isinstance(value, str) and not value.startswith(_LIST):
        return value
    return written_json([value], is_canonical=True)


def _value(position: str) -> Any:
    if not position.startswith(_LIST):
        return position
    try:
        (value,) = read_json(position)
    except ValueError:
        raise PositionRefused("the stored position is no value for a body") from None
    return value
