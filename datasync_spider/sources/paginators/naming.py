"""What the body or a header of an answer names as next. The places are the stream's; those that speak must agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasync_spider.errors import PageContradiction
from datasync_spider.reasons import TWO_CURSORS
from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.spec import Next
from datasync_spider.sources.values import names_nothing


def named(next_: Next, answer: Answer) -> list[Any]:
    """All that is said, in the order of the places; nothing of the places that say that nothing follows."""
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
