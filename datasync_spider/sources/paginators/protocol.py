"""What a paginator is asked, and what it is given.

Invariant: a position is text that only its paginator understands. Whoever stores it, compares it or shows that it is
there never looks into it; None is the first page. A paginator keeps nothing between two calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Pairs


@dataclass(frozen=True, slots=True)
class Ask:
    """What a position adds to a stream's own request.

    ``query``: parameters, not yet escaped. ``url``: goes in place of the stream's own URL and all its parameters, sent
    as it is written; a relative one is resolved against the stream's own URL. ``keep``: names of the stream's own
    parameters that stay; None for all. ``headers``: in place of the stream's own of these names. ``body``: JSON values
    and where they go in the stream's own body.
    """

    query: Pairs = ()
    url: str | None = None
    keep: tuple[str, ...] | None = None
    headers: Pairs = ()
    body: tuple[tuple[Path, Any], ...] = ()
    keep_members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer's facts.

    ``url``: what was asked for, absolute. ``headers``: all values of each name, in lower case. ``body``: what JSON was
    read as, with an empty list in place of the records. ``records``: how many there were. ``page_size``: how many were
    asked for, None where the stream does not say. ``last``: the last record, decoded; None where there is none, or
    where the stream's ``next`` does not look at it.
    """

    url: str
    headers: Mapping[str, Sequence[str]]
    body: Any
    records: int
    page_size: int | None
    last: Any = None


class Paginator(Protocol):
    """One way in which pages follow each other.

    Those of this package are made of a stream's ``next``; one of the user's is made of the stream.
    """

    def ask(self, position: str | None) -> Ask:
        """What asks for the page at this position."""
        ...

    def following(self, position: str | None, answer: Answer) -> str | None:
        """The position that the answer says follows ``position``; None where it names none.

        Whether the page is the last is decided by the stream's ``end`` and not here. Raises PageUnreadable for a
        position of a wrong type, PageContradiction where places of the answer disagree, PositionRefused (as ``ask``
        does) for a ``position`` that this paginator cannot have made.
        """
        ...
