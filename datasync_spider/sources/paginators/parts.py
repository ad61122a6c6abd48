"""What one place of an answer gives for the next request, as a value and as text, and where that goes.

Invariant: what goes into a body keeps its type and its digits, and what goes elsewhere is one text. A value that could
not be sent or stored is an error before anybody follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from datasync_spider.errors import PageUnreadable, PositionRefused
from datasync_spider.observe.reasons import CURSOR_NUL, CURSOR_WRONG_TYPE
from datasync_spider.sources.jsontext import written_json
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.slots import is_header_text
from datasync_spider.sources.spec import Next
from datasync_spider.sources.values import shown, token


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
