"""What the body, a header or the last record of an answer names as next. Places that speak must agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.observe.reasons import LAST_RECORD_WITHOUT_CURSOR, TWO_CURSORS
from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.paths import MISSING
from datasync_spider.sources.spec import Next
from datasync_spider.sources.values import names_nothing


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
