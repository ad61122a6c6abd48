"""What a server says about an answer that is no page.

At best that is ``{"error":…,"message":…,"code":…}``, in other dialects the same nested, listed or under other names, at
worst the HTML of a proxy.
Invariant: what comes out is short and printable, whatever came in, since it goes into logs and tables. Headers and URLs
are never part of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

MAX_CHARACTERS = 300

_MAX_BYTES = 64 * 1024  # of a body that is looked at; complaints are short
_CODES = ("code", "errorCode", "error_code")
_MESSAGES = ("message", "errorMessage", "error_message", "detail", "msg", "error_description", "title", "reason")
_ERRORS = ("error", "errors", "fault", "exception")
_TITLE = re.compile(rb"<title[^>]*>(.{1,400}?)</title", re.IGNORECASE | re.DOTALL)
_SPACES = re.compile(r"\s+")


class Complaint(msgspec.Struct, frozen=True):
    """``code`` and ``message`` as the server gave them, made short and printable.

    ``body``: all that it said, where neither could be found in it.
    """

    code: str | None = None
    message: str | None = None
    body: str | None = None

    @property
    def said(self) -> str | None:
        """For people: the message, or else whatever there is."""
        return self.message or self.body

    @property
    def text(self) -> str:
        return ": ".join(part for part in (self.code, self.message) if part)


def read_complaint(content_type: str, body: bytes) -> Complaint:
    """Never raises."""
    start = body[:_MAX_BYTES].removeprefix(b"\xef\xbb\xbf").strip()
    if not start:
        return Complaint()
    if "html" in content_type.lower() or start.startswith(b"<"):
        return Complaint(message=_html_note(start, len(body)))
    try:
        reported = msgspec.json.decode(start)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint(message=_short(start.decode("utf-8", "replace")))
    return _from_json(reported)


def _from_json(reported: Any) -> Complaint:
    if isinstance(reported, str):
        return Complaint(message=_short(reported))
    found = complaint_of(reported) if isinstance(reported, dict) else Complaint()
    if found.text or not reported:
        return found
    return Complaint(body=_short(msgspec.json.encode(reported).decode()))


def complaint_of(reported: Mapping[str, Any]) -> Complaint:
    """What an object says, be it a whole answer or a part of one."""
    places = [reported, *_nested(reported)]
    # As plain text "error" is often the status in words, so it comes last.
    last = (word for name in _ERRORS if (word := _word(_first_of(reported.get(name)))))
    return Complaint(code=_code(places), message=next(_words(places, _MESSAGES), None) or next(last, None))


def _nested(reported: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The whole complaint may stand under one of these names, or be the first of several."""
    nested: list[Mapping[str, Any]] = []
    for name in (*_ERRORS, "detail"):
        inner = _first_of(reported.get(name))
        if isinstance(inner, dict):
            nested.append(inner)
            # GraphQL keeps its codes here.
            extensions = inner.get("extensions")
            if isinstance(extensions, dict):
                nested.append(extensions)
    return nested


def _first_of(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _code(places: list[Mapping[str, Any]]) -> str | None:
    """A number is mostly the status once more, so a word is taken before it."""
    codes = [*_words(places, _CODES), *_words(places[1:], ("type",))]
    return next((code for code in codes if not code.isdigit()), codes[0] if codes else None)


def _words(places: list[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[str]:
    return (word for name in names for place in places if (word := _word(place.get(name))))


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return _short(value) or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _html_note(start: bytes, length: int) -> str:
    title = _TITLE.search(start)
    words = f", titled {_short(html.unescape(title[1].decode('utf-8', 'replace')))!r}" if title else ""
    return _short(f"an HTML page of {length} bytes{words}")


def _short(text: str) -> str:
    line = _SPACES.sub(" ", text).strip()
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return printable if len(printable) <= MAX_CHARACTERS else printable[: MAX_CHARACTERS - 1] + "…"
