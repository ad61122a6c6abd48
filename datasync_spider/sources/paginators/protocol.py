"""What a paginator is asked and what it is given, and what those of this package do alike: where next stands and goes.

Invariants: a position is text that only its paginator understands. Whoever stores it, compares it or shows that it is
there never looks into it; None is the first page. A paginator keeps nothing between two calls. Places of an answer that
speak must agree. What goes into a body keeps its type and its digits, and what goes elsewhere is one text; a value that
could not be sent or stored is an error before it is followed. A stream ends only where the answer says so in a way that
its file declares; an answer that denies itself, or leaves it open, is an error and never an end. A flag's plain word
wins over what a link or the number of records hints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from msgspec import Struct

from datasync_spider.errors import PageContradiction, PageUnreadable, PositionRefused
from datasync_spider.observe.reasons import (
    CURSOR_NUL,
    CURSOR_WRONG_TYPE,
    HAS_MORE_WITHOUT_CURSOR,
    HAS_MORE_WRONG_TYPE,
    LAST_RECORD_WITHOUT_CURSOR,
    NEITHER_HAS_MORE_NOR_CURSOR,
    TWO_CURSORS,
    TWO_HAS_MORES,
)
from datasync_spider.sources.jsontext import written_json
from datasync_spider.sources.paths import MISSING, Path, names_nothing, shown, token, truth
from datasync_spider.sources.slots import is_header_text
from datasync_spider.sources.spec import End, EndFlag, Next, Pairs


class Ask(Struct, frozen=True):
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


class Answer(Struct, frozen=True):
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


def named(next_: Next, answer: Answer) -> list[Any]:
    """All that is said, in the order of the places; nothing of the places that say that nothing follows.

    Of the last record it is one value: a list where several of its members are wanted. Raises PageUnreadable where
    there are records, and the last one lacks what is wanted.
    """
    if next_.source == "last":
        return _of_last(next_, answer)
    if next_.source == "header":
        values: list[Any] = [value.strip(" \t") for value in answer.headers.get(next_.name.lower(), ())]
    else:
        values = [path.read(answer.body) for path in next_.paths]
    return [value for value in values if not names_nothing(value)]


def agreed(positions: Iterable[str]) -> str | None:
    """The one position that is named, None where there is none. Raises PageContradiction where there are two."""
    different = set(positions)
    if len(different) > 1:
        raise PageContradiction(TWO_CURSORS)
    return different.pop() if different else None


def _of_last(next_: Next, answer: Answer) -> list[Any]:
    if answer.records == 0:
        return []
    values = [path.read(answer.last) for path in next_.paths]
    # One of several may be null, by which a feed can be sorted as by any other value.
    is_lacking = MISSING in values if len(values) > 1 else names_nothing(values[0])
    if is_lacking:
        raise PageUnreadable(LAST_RECORD_WITHOUT_CURSOR, f"it has no {' and '.join(map(str, next_.paths))}")
    return [values if len(values) > 1 else values[0]]


def part(next_: Next, value: Any) -> Any:
    """The value as it is sent: of a body any JSON but a truth, else a text. Raises PageUnreadable."""
    if next_.to == "body":
        return _json(value)
    text = str(value) if next_.source == "last" and isinstance(value, Decimal) else token(value)
    if next_.to == "header" and not is_header_text(text):
        raise PageUnreadable(CURSOR_WRONG_TYPE, "no header can carry the next cursor")
    return text


def make_ask(parts: Iterable[tuple[Next, Any]], keep: tuple[str, ...] | None) -> Ask:
    """What asks with each value in its place. Raises PositionRefused for one that :func:`part` cannot have given."""
    given = list(parts)
    if any(next_.to != "body" and not isinstance(value, str) for next_, value in given) or any(
        next_.to == "header" and not is_header_text(value) for next_, value in given
    ):
        raise PositionRefused("the stored position cannot go where next says")
    return Ask(
        query=tuple((next_.parameter, value) for next_, value in given if next_.to == "query"),
        headers=tuple((next_.parameter, value) for next_, value in given if next_.to == "header"),
        body=tuple((next_.path, value) for next_, value in given if next_.path is not None),
        keep=keep if any(next_.to != "body" for next_, _ in given) else None,
        keep_members=keep if any(next_.to == "body" for next_, _ in given) else None,
    )


def make_first_ask(next_: Next) -> Ask:
    """The first page is asked for with all of the stream's own, and with ``first`` where there is one."""
    if next_.first is None:
        return Ask()
    return make_ask([(next_, next_.first if next_.to == "body" else str(next_.first))], None)


def _json(value: Any) -> Any:
    if isinstance(value, bool):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next cursor is {shown(value)}")
    try:
        text = written_json(value)
    except ValueError:
        raise PageUnreadable(CURSOR_WRONG_TYPE, "the next cursor holds a number without end") from None
    if isinstance(value, str) and "\0" in value:
        raise PageUnreadable(CURSOR_NUL)
    if text in {"[]", "{}"}:
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next cursor is {text}")
    return value


def direction(end: End, answer: Answer, following: str | None, asked: str | None = None) -> str | None:
    """The position to go to, or None for the last page. ``following``: what the paginator says of the answer.

    ``asked``: the position that the page was asked for at, or what a first page was asked with in place of one.

    Raises PageUnreadable for a flag of a wrong type, PageContradiction where the answer does not say how it goes on.
    """
    is_last = _word(end, answer.body)
    if is_last is not None:
        if not is_last and following is None:
            raise PageContradiction(HAS_MORE_WITHOUT_CURSOR)
        # A position beside the end is where a later page would begin, or a link back to the head: to follow it would
        # never end.
        return None if is_last else following
    if _is_end_by_count(end, answer, following) or (end.repeat and following is not None and following == asked):
        return None
    if following is None and not end.no_next:
        raise PageContradiction(NEITHER_HAS_MORE_NOR_CURSOR)
    return following


def _word(end: End, body: Any) -> bool | None:
    """What the flags that are there say of this being the last page; None where there is none."""
    said = [_says_last(flag, value) for flag in end.flags if (value := flag.path.read(body)) is not MISSING]
    words = {word for word in said if word is not None}
    if len(words) > 1:
        raise PageContradiction(TWO_HAS_MORES)
    return words.pop() if words else None


def _says_last(flag: EndFlag, value: Any) -> bool | None:
    """None where null stands in place of a word. Raises PageUnreadable for a truth that is none."""
    if value is None and flag.value is not None:
        return None
    if isinstance(flag.value, bool):
        word = truth(value)
        if word is None:
            raise PageUnreadable(HAS_MORE_WRONG_TYPE, f"{flag.path} is {shown(value)}")
        return word is flag.value
    # In JSON true is not 1.
    return not isinstance(value, bool) and bool(value == flag.value)


def _is_end_by_count(end: End, answer: Answer, following: str | None) -> bool:
    if answer.records == 0:
        return end.empty or (end.short and bool(answer.page_size))
    if end.no_next and following is not None:
        # Where the last page is known by naming nothing, one that names a page is not the last, however short it is:
        # the API gives fewer than it was asked for.
        return False
    return end.short and answer.page_size is not None and answer.records < answer.page_size
