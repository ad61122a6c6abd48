"""What the answer to a submission means. Pure: status and bytes in, an ending out.

accepted  a success that says so in an object of its own
refused   an answer that says no; it may have used up a try all the same
unknown   a server in trouble, whatever the status, or a success that cannot be read: it may have been taken
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from msgspec import Struct

from datasync_spider.observe.display import visible
from datasync_spider.records.pagefacts import sign_of_error

_LONGEST_TEXT = 300
_LONGEST_BODY = 2000
_UNKNOWN = frozenset({408, 425})


class Receipt(Struct, frozen=True):
    """``content``: the answer as it can be stored; ``event_count`` and ``left``: None where it has none.

    ``differs``: it was accepted with another number of events than were sent.
    """

    status: str
    detail: str
    content: Any
    event_count: int | None = None
    left: int | None = None
    differs: bool = False


def read_receipt(status: int, body: bytes, sent_count: int) -> Receipt:
    """What became of ``sent_count`` ids that were answered so."""
    content = _content(body)
    if not 200 <= status < 300:
        is_unknown = status >= 500 or status in _UNKNOWN
        ending = "unknown" if is_unknown else "refused"
        return Receipt(ending, f"the API answered with status {status}: {_message(content)}", content)
    if not isinstance(content, dict):
        return Receipt(
            "unknown", f"the API answered with status {status}, but with no receipt that can be read", content
        )
    if content.get("success") is False:
        return Receipt("refused", f"the API says that it is no success: {_message(content)}", content)
    if sign_of_error(content, has_events=True) is not None:
        return Receipt("unknown", f"the API answered with status {status} and an error: {_message(content)}", content)
    reported = content.get("data") if isinstance(content.get("data"), dict) else content
    count, left = (
        _number(reported, "eventCount", "event_count"),
        _number(reported, "remainingSubmissions", "remaining_submissions"),
    )
    differs = count is not None and count != sent_count
    return Receipt("accepted", _accepted(count, sent_count), content, count, left, differs)


def _accepted(count: int | None, sent_count: int) -> str:
    if count is None:
        return f"accepted; the receipt has no eventCount to compare with the {sent_count:,} ids that were sent"
    if count != sent_count:
        return f"accepted, but the receipt counts {count:,} events and {sent_count:,} ids were sent"
    return f"accepted with all {count:,} ids"


def _content(body: bytes) -> Any:
    """The JSON value, or the text where there is none; in either case something that PostgreSQL can store as JSONB."""
    try:
        return _storable(json.loads(body, parse_constant=str, parse_float=_float))
    except (ValueError, RecursionError):
        return _storable(body[:_LONGEST_BODY].decode("utf-8", "replace"))


def _float(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(element) for element in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(member) for name, member in value.items()}
    return value


def _message(content: Any) -> str:
    if isinstance(content, dict):
        parts = [content.get(name) for name in ("code", "message", "error")]
        text = ", ".join(part for part in parts if isinstance(part, str) and part.strip())
    else:
        text = content if isinstance(content, str) else ""
    return visible(text.strip(), _LONGEST_TEXT) or "without a word"


def _number(reported: Any, *names: str) -> int | None:
    values = (reported.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
