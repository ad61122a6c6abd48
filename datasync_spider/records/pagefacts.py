"""What a page says beside its records: what it means, whether it is an error, how many records there are in all.

Gateways and GraphQL servers answer with status 200 and an error, such as
``{"data":[],"more":false,"error":{"code":"TIMEOUT"}}``. Taken for a page, that is the end of the feed.

Invariants: of what a source says that answers mean, rows are tried in their order, and the first that fits decides,
whatever the status would mean by itself. An error beside records is an error as well, since the page may be cut short;
what stands for "no error" (null, false, 0, empty, OK) is none. What stands within records is never looked at: they may
hold any words. Where several places give a count, the larger total counts, so that nothing is complete on less than any
claim, and of what the page says to hold all must agree. What merely informs may be odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import ERROR_IN_PAGE, RETURNED_MISMATCH
from datasync_spider.records.complaint import Complaint, complaint_of
from datasync_spider.records.exactjson import decoded
from datasync_spider.sources.paths import MISSING, Path, whole_number
from datasync_spider.sources.spec import Meaning, MeaningRow

_T = TypeVar("_T")

_MAX_COUNT = 2**63 - 1  # what a BIGINT column holds
_SHOWN_CHARACTERS = 80

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


class Declared(PageUnreadable):
    """A body of status 200 that means something else than a page, as its source says."""

    def __init__(self, means: Meaning) -> None:
        super().__init__("declared", means)
        self.means = means


class ErrorInPage(PageUnreadable):
    """``status``: the error status that the body gives, 400 where it gives none."""

    def __init__(self, complaint: Complaint, sign: str, status: int) -> None:
        super().__init__(ERROR_IN_PAGE, complaint.text or sign)
        self.complaint = complaint
        self.status = status


def find_meaning(rows: Iterable[MeaningRow], status: int, text: bytes, body: Any) -> Meaning | None:
    """``text``: the answer without records; ``body``: what it is read as, in which nothing is where it is no JSON."""
    return next((row.means for row in rows if _fits(row, status, text, body)), None)


def meaning_of_error(rows: Iterable[MeaningRow], status: int, body: bytes) -> Meaning | None:
    """The same of an answer whose body is not read for a page."""
    of_status = [row for row in rows if row.status in {None, status}]
    return find_meaning(of_status, status, body, decoded(body)) if of_status else None


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


def read_total(paths: Iterable[Path], body: Any) -> tuple[int | None, str | None]:
    """The API's count of all records, and what was given for one, where all of that is no count."""
    totals = given(paths, body)
    total = max(_counts(totals), default=None)
    return total, _short(totals[0]) if totals and total is None else None


def read_returned(paths: Iterable[Path], body: Any) -> int | None:
    """How many records the page says that it holds. Raises PageUnreadable where it says two numbers."""
    counts = set(_counts(given(paths, body)))
    if len(counts) > 1:
        raise PageUnreadable(RETURNED_MISMATCH, f"places of the page say {min(counts)} and {max(counts)} events")
    return counts.pop() if counts else None


def read_request_id(paths: Iterable[Path], body: Any) -> str | None:
    """By which the API's people find the request."""
    return _first(_printable, given(paths, body))


def read_seconds(paths: Iterable[Path], body: Any) -> float | None:
    """What the API says of its cursor's life."""
    return _first(_seconds, given(paths, body))


def given(paths: Iterable[Path], body: Any) -> list[Any]:
    """All that stands at the paths and is not null, in their order."""
    return [value for path in paths if (value := path.read(body)) is not MISSING and value is not None]


def _first(read: Callable[[Any], _T | None], values: list[Any]) -> _T | None:
    return next((fact for value in values if (fact := read(value)) is not None), None)


def _counts(values: list[Any]) -> list[int]:
    numbers = map(whole_number, values)
    return [number for number in numbers if number is not None and 0 <= number <= _MAX_COUNT]


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        value = whole_number(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return float(value)
    return None


def _printable(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _short(value: object) -> str:
    return (str(value) if isinstance(value, Decimal) else repr(value))[:_SHOWN_CHARACTERS]


def _fits(row: MeaningRow, status: int, text: bytes, body: Any) -> bool:
    if row.status is not None and row.status != status:
        return False
    if row.path is None:
        return row.substring is None or row.substring.casefold() in text.decode("utf-8", "replace").casefold()
    found = row.path.read(body)
    if row.substring is not None:
        return found is not MISSING and row.substring.casefold() in _as_text(found).casefold()
    # True is 1 to Python, and not to an API.
    return bool(found == row.value) and isinstance(found, bool) is isinstance(row.value, bool)


def _as_text(found: Any) -> str:
    """A list or an object is looked through as JSON: some APIs list their errors."""
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


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
