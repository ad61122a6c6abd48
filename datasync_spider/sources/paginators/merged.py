"""A map in the body whose members all go into the query of the next request, as MediaWiki's ``continue``.

Invariant: the position is the canonical JSON of the map, with a text for each member.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import PageUnreadable, PositionRefused
from datasync_spider.observe.reasons import CURSOR_WRONG_TYPE
from datasync_spider.sources.jsontext import read_json, written_json
from datasync_spider.sources.paginators.protocol import Answer, Ask, agreed, named
from datasync_spider.sources.paths import shown, token
from datasync_spider.sources.spec import Next


class MergedPaginator:
    """``next_``: from ``object``."""

    def __init__(self, next_: Next) -> None:
        self._next = next_

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused for a position that is no such map."""
        if position is None:
            return Ask()
        return Ask(query=tuple(sorted(_members(position).items())), keep=self._next.keep)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no map of texts and whole numbers, PageContradiction where there are two.

        An empty map, and the empty list that PHP writes for one, name nothing.
        """
        return agreed(_position(value) for value in named(self._next, answer) if value not in ({}, []))


def _position(value: Any) -> str:
    if not isinstance(value, dict):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"what follows is no object but {shown(value)}")
    return written_json({name: token(one) for name, one in value.items()}, is_canonical=True)


def _members(position: str) -> dict[str, str]:
    try:
        members = read_json(position)
    except ValueError:
        members = None
    if not isinstance(members, dict) or not members or not all(isinstance(text, str) for text in members.values()):
        raise PositionRefused("the stored position is no object of texts")
    return members
