"""Durable tokens: what the last page of a resumable stream has for the sync after it.

Where the token stands in a place of its own, and goes where ``next`` goes, it is a position as any other. Where it goes
elsewhere (``nextSyncToken`` into ``syncToken``, while pages follow each other by ``pageToken``), a position says which
of the two it is, and a page of such a sync is asked for with both: ``keep`` decides of the second as of the stream's
own parameters.

Invariant: a token comes from a last page, and goes back as the very text that it is.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from msgspec.structs import replace

from datasync_spider.sources.paginators.protocol import Answer, Ask, Paginator
from datasync_spider.sources.spec import Next


class _Place(NamedTuple):
    """``next``: by which the page follows another one; ``tail``: the token that the sync began with."""

    next: str | None
    tail: str | None


class TailedPaginator:
    """``way`` and ``tail_way`` do what the stream's ``next`` and ``tail`` say."""

    def __init__(self, way: Paginator, tail_way: Paginator, next_: Next, tail: Next) -> None:
        self._way = way
        self._tail_way = tail_way
        self._is_same_place = (tail.to, tail.parameter, tail.path) == (next_.to, next_.parameter, next_.path)
        self._is_kept = next_.keep is None or tail.parameter in next_.keep

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused as those that it is made of do."""
        place = self._place(position)
        if place.tail is None:
            return self._way.ask(place.next)
        beginning = self._tail_way.ask(place.tail)
        if place.next is None:
            return beginning
        ask = self._way.ask(place.next)
        if ask.url is not None or not self._is_kept:
            return ask
        return replace(
            ask,
            query=(*ask.query, *beginning.query),
            headers=(*ask.headers, *beginning.headers),
            body=(*ask.body, *beginning.body),
        )

    def following(self, position: str | None, answer: Answer) -> str | None:
        """As the stream's ``next`` has it."""
        place = self._place(position)
        following = self._way.following(place.next, answer)
        return None if following is None else self._position(_Place(following, place.tail))

    def tail(self, position: str | None, answer: Answer) -> str | None:
        """The durable token as a position; None where the answer has none."""
        place = self._place(position)
        token = self._tail_way.following(place.next if self._is_same_place else place.tail, answer)
        if token is None or self._is_same_place:
            return token
        return self._position(_Place(None, token))

    def _place(self, position: str | None) -> _Place:
        if position is None or self._is_same_place:
            return _Place(position, None)
        try:
            value = json.loads(position)
        except ValueError:
            value = None
        # Anything else was stored while the stream had no such tail.
        is_ours = isinstance(value, dict) and value.keys() <= {"next", "tail"} and value
        if not is_ours or not all(isinstance(text, str) for text in value.values()):
            return _Place(position, None)
        return _Place(value.get("next"), value.get("tail"))

    def _position(self, place: _Place) -> str:
        if self._is_same_place:
            assert place.next is not None
            return place.next
        given = {name: text for name, text in place._asdict().items() if text is not None}
        return json.dumps(given, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def durable_token(way: Paginator, position: str | None, answer: Answer, following: str | None) -> str | None:
    """The position that the next sync begins with, of an answer with the last page; None where there is none.

    ``following``: what follows the page by the stream's ``next``. Where it names nothing, the position that led to the
    last page is the last token that there is: to ask with it again brings that page again, and what has come since.
    """
    if isinstance(way, TailedPaginator):
        return way.tail(position, answer)
    return position if following is None else following
