"""Whether the members around a page's events say that the answer is an error, although its status is 200.

Gateways and GraphQL servers answer so: ``{"data":[],"more":false,"error":{"code":"UPSTREAM_TIMEOUT"}}``. Taken for a
page, that is the end of the feed. Invariant: an error beside events is an error as well, since the page may be cut
short; an event's own members are never looked at; what stands for "no error" (null, false, 0, empty, OK) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import ERROR_IN_PAGE
from datasync_spider.records.complaint import Complaint, complaint_of
from datasync_spider.sources.numbers import whole_number

_SUCCESSES = ("success", "ok")
_STATUSES = ("status", "statusCode", "status_code")
_CODES = ("code", "errorCode", "error_code")
_MESSAGES = ("message", "msg", "detail", "title")
# Something in one of these is an error.
_ERRORS = (
    *("error", "errors", "fault", "exception", "errorCode", "error_code", "errorMessage", "error_message"),
    *("isError", "is_error", "hasError", "has_error", "hasErrors", "has_errors"),
)
_ANY_NAME = frozenset({*_ERRORS, *_SUCCESSES, *_STATUSES, *_CODES, *_MESSAGES})

_NOTHING_WORDS = {"", "0", "false", "no", "none", "null", "nil", "undefined", "n/a"}
_GOOD_WORDS = {"ok", "okay", "success", "successful", "succeeded", "no error", "no errors"}
_GOOD_MESSAGE = re.compile(r"(?<!not )\b(?:ok|okay|success|successful|successfully|succeeded)\b")
_BAD_STATUS_WORDS = {
    *("err", "error", "errors", "errored", "exception", "fail", "failed", "failing", "fails", "failure", "fault"),
    *("timeout", "unavailable"),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LEADING_NUMBER = re.compile(r"\s*([0-9]{3,9})(?![0-9.])")


class ErrorInPage(PageUnreadable):
    """``status``: the error status that the body gives, 400 where it gives none."""

    def __init__(self, complaint: Complaint, sign: str, status: int) -> None:
        super().__init__(ERROR_IN_PAGE, complaint.text or sign)
        self.complaint = complaint
        self.status = status


def sign_of_error(place: Mapping[str, Any], *, has_events: bool) -> str | None:
    """Which member of an answer, or of a part of it, says that this is an error, and what it says; or None.

    ``has_events``: the answer has brought what was asked for, so that a mere ``code`` may belong to it.
    """
    for name in _ERRORS:
        if not _says_nothing(place.get(name)) and not (name in _CODES and _is_good_code(place[name])):
            return _shown(name, place[name])
    for name in _SUCCESSES:
        if _is_no(place.get(name)):
            return _shown(name, place[name])
    for name in _STATUSES:
        if _is_bad_status(place.get(name)):
            return _shown(name, place[name])
    if _is_bad_code(place, has_events=has_events):
        return _shown("code", place["code"])
    return None


def find_error(body: Mapping[str, Any], nested: Iterable[Any], *, has_events: bool) -> ErrorInPage | None:
    """The error that the page says it is. ``nested``: the values of those members that may hold such members, too."""
    places = [place for place in (body, *nested) if isinstance(place, dict) and not _ANY_NAME.isdisjoint(place)]
    if not places:
        return None
    places += [status for place in places if isinstance(status := place.get("status"), dict)]
    for place in places:
        sign = sign_of_error(place, has_events=has_events)
        if sign is not None:
            return _error([place, *places], sign)
    return None


def _error(places: list[Mapping[str, Any]], sign: str) -> ErrorInPage:
    """``places``: the one with the sign, then all; what it does not say itself, another one may."""
    complaints = [complaint_of(place) for place in places]
    code = next((complaint.code for complaint in complaints if complaint.code), None)
    message = next((complaint.message for complaint in complaints if complaint.message), None)
    statuses = (status for place in places for status in _statuses(place))
    return ErrorInPage(Complaint(code, message), sign, next((s for s in statuses if 400 <= s < 600), 400))


def _statuses(place: Mapping[str, Any]) -> Iterable[int]:
    error = place.get("error")
    for part in (place, error if isinstance(error, dict) else {}):
        for name in (*_STATUSES, *_CODES):
            number = _leading_number(part.get(name))
            if number is not None:
                yield number


def _shown(name: str, value: Any) -> str:
    return f"{name} is {str(value)[:80]!a}" if isinstance(value, str) else f"{name} is {ascii(value)[:80]}"


def _says_nothing(value: Any) -> bool:
    match value:
        case None | bool():
            return not value
        case str():
            return _folded(value) in _NOTHING_WORDS | _GOOD_WORDS
        case list():
            return all(entry is None for entry in value)
        case dict():
            return all(map(_says_nothing, value.values()))
    return whole_number(value) == 0


def _is_no(value: Any) -> bool:
    if isinstance(value, str):
        return _folded(value) in {"false", "no", "0"}
    return value is False or whole_number(value) == 0


def _is_bad_status(value: Any) -> bool:
    if value is False:
        return True
    number = _leading_number(value)
    if number is not None:
        return number >= 400
    words = {word.lower() for word in _WORD.findall(value)} if isinstance(value, str) else set()
    return bool(words & _BAD_STATUS_WORDS) and "no" not in words


def _is_bad_code(place: Mapping[str, Any], *, has_events: bool) -> bool:
    """``code`` alone is no error beside events: it may say what kind of answer this is. A status' number is one."""
    code = place.get("code")
    number = _leading_number(code)
    if number is not None and 400 <= number < 600:
        return True
    if has_events or _says_nothing(code) or _is_good_code(code) or not (isinstance(code, str) or number is not None):
        return False
    messages = [_folded(text) for name in _MESSAGES if isinstance(text := place.get(name), str)]
    if any(map(_GOOD_MESSAGE.search, messages)):
        return False
    # A number without a word may mean anything; the name of an error needs none.
    return any(messages) or whole_number(code) is None


def _is_good_code(code: Any) -> bool:
    number = whole_number(code)
    return number is not None and 200 <= number < 300


def _leading_number(value: Any) -> int | None:
    """Of 503, 503.0, "503" and "503 Service Unavailable" alike."""
    number = whole_number(value)
    if number is None and isinstance(value, str) and (match := _LEADING_NUMBER.match(value)):
        return int(match[1])
    return number


def _folded(text: str) -> str:
    return text.replace("_", " ").strip(" \t\r\n.!").lower()
