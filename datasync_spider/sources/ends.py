"""Whether a page is the last of its stream, and where the stream goes on.

Invariant: a stream ends only where the answer says so in a way that its file declares; an answer that denies itself, or
leaves it open, is an error and never an end. A flag's plain word wins over what a link or the number of records hints.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.observe.reasons import (
    HAS_MORE_WITHOUT_CURSOR,
    HAS_MORE_WRONG_TYPE,
    NEITHER_HAS_MORE_NOR_CURSOR,
    TWO_HAS_MORES,
)
from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.paths import MISSING, shown, truth
from datasync_spider.sources.spec import End, EndFlag


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
