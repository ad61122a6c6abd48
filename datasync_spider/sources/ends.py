"""Whether a page is the last of its chain, and what that is decided by.

Invariant: a page that does not say which is an error and never the end.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.reasons import (
    HAS_MORE_WITHOUT_CURSOR,
    HAS_MORE_WRONG_TYPE,
    NEITHER_HAS_MORE_NOR_CURSOR,
    TWO_HAS_MORES,
)
from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.paths import MISSING
from datasync_spider.sources.spec import End, EndFlag

_WORDS = {"true": True, "1": True, "false": False, "0": False}


def direction(end: End, answer: Answer, following: str | None) -> str | None:
    """The position to go to, None at the end. Raises PageContradiction, PageUnreadable."""
    verdicts = [verdict for flag in end.flags if (verdict := _is_end(flag, answer.body)) is not None]
    if True in verdicts and False in verdicts:
        raise PageContradiction(TWO_HAS_MORES)
    if verdicts:
        if verdicts[0]:
            return None
        if following is None:
            raise PageContradiction(HAS_MORE_WITHOUT_CURSOR)
    if end.empty and answer.records == 0:
        return None
    if end.short and answer.page_size is not None and answer.records < answer.page_size:
        return None
    if following is None and not end.no_next:
        raise PageContradiction(NEITHER_HAS_MORE_NOR_CURSOR)
    return following


def _is_end(flag: EndFlag, body: Any) -> bool | None:
    value = flag.path.read(body)
    if value is MISSING or value is None:
        return None
    if not isinstance(flag.value, bool):
        return bool(value == flag.value)
    truth = value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())
    if truth is None:
        raise PageUnreadable(HAS_MORE_WRONG_TYPE, f"{flag.path} is {value!r:.80}")
    return truth is flag.value
