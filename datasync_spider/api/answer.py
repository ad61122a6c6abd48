"""What one HTTP answer means: a page, or the error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from datasync_spider.api.page import Page, read_page
from datasync_spider.errors import ApiRefused, CursorExpired, PageUnreadable, RateLimited, ServerTrouble

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+")
_LONGEST_TEXT = 300
_PASSING_STATUSES = frozenset({408, 425})


def check_answer(status: int, headers: Mapping[str, str], body: bytes) -> Page:
    """The page of a 200.

    Raises PageUnreadable, PageContradiction, ServerTrouble or RateLimited (its wait unread: that is told by headers that this
    layer does not know) where asking again may help; CursorExpired where the position is gone; ApiRefused where nothing helps.
    """
    if status == 200:
        try:
            return read_page(body)
        except PageUnreadable as error:
            if error.reason == "not_json" and "html" in headers.get("content-type", "").lower():
                raise PageUnreadable("html", "an HTML body with status 200") from error
            raise
    if status == 429:
        raise RateLimited(None)
    if status >= 500 or status in _PASSING_STATUSES:
        raise ServerTrouble(f"status_{status}")
    if 200 < status < 300:
        raise PageUnreadable(f"status_{status}", "a success without a page")
    _refuse(status, headers, body)


def _refuse(status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
    if 300 <= status < 400:
        raise ApiRefused(status, "REDIRECT", "the API redirects, which is not followed: check API_BASE_URL")
    fields = _fields(body)
    code, message = _text(fields.get("code")), _text(fields.get("message")) or _text(fields.get("error"))
    if _is_expiry(status, code, message):
        raise CursorExpired(message or "the cursor has expired")
    if not fields and body:
        kind = _text(headers.get("content-type")) or "unknown type"
        message = f"a body of {len(body)} bytes ({kind})"
    raise ApiRefused(status, code, message)


def _is_expiry(status: int, code: str | None, message: str | None) -> bool:
    if status not in {400, 410}:
        return False
    said = (message or "").lower()
    return code == "CURSOR_EXPIRED" or status == 410 or ("cursor" in said and "expired" in said)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(value: object) -> str | None:
    """A short line that is safe to log, or None where there is no text."""
    if not isinstance(value, str) or not value.strip():
        return None
    line = _CONTROL.sub(" ", value).strip()
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"
