"""The grammar of JSON, checked without recursion: any depth can be met, and none ends in a crash.

Invariant: :func:`walk` takes exactly the texts that RFC 8259 allows, up to a depth, and says where the members of an
outer object stand, or the elements of an outer list. It is the slow judge of what the fast decoder refused; nothing
here knows what a record is.
"""

from __future__ import annotations

import re

from datasync_spider.observe.reasons import LONE_SURROGATE, MALFORMED_JSON, NUL_CHARACTER, TOO_DEEP

MAX_DEPTH = 512

_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:"
    rb"(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)|(?P<colon>:)"
    rb'|(?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")'
    rb"|(?P<scalar>true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb")"
)
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_OPENED_BY = {b"]"[0]: b"["[0], b"}"[0]: b"{"[0]}
_OBJECT = b"{"[0]

# What may come next.
_VALUE, _KEY, _COLON, _COMMA, _CLOSE = 1, 2, 4, 8, 16


class Ungrammatical(Exception):
    """Not JSON, or nested too deeply. ``reason`` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Walk:
    """The state between two tokens."""

    def __init__(self) -> None:
        self.members: dict[bytes, tuple[int, int]] = {}
        self.elements: list[tuple[int, int]] = []
        self._nesting = bytearray()
        self._allowed = _VALUE
        self._key = b""
        self._value_start = 0

    @property
    def ended(self) -> bool:
        return self._allowed == 0

    def take(self, kind: str, token: bytes, start: int, end: int) -> None:
        """One token, which stands at ``start``."""
        if kind == "string" and self._allowed & _KEY:
            self._expect(_KEY, _COLON)
            if len(self._nesting) == 1:
                self._key = token
        elif kind in {"string", "scalar"}:
            self._expect(_VALUE, 0)
            self._value_began(start)
            self._value_ended(end)
        elif kind == "open":
            self._open(token[0], start)
        elif kind == "close":
            self._close(token[0], end)
        elif kind == "colon":
            self._expect(_COLON, _VALUE)
        else:
            self._expect(_COMMA, _KEY if self._nesting[-1:] == b"{" else _VALUE)

    def _expect(self, now: int, then: int) -> None:
        if not self._allowed & now:
            raise Ungrammatical(MALFORMED_JSON)
        self._allowed = then

    def _open(self, bracket: int, start: int) -> None:
        self._expect(_VALUE, _CLOSE | (_KEY if bracket == _OBJECT else _VALUE))
        self._value_began(start)
        self._nesting.append(bracket)
        if len(self._nesting) > MAX_DEPTH:
            raise Ungrammatical(TOO_DEEP)

    def _close(self, bracket: int, end: int) -> None:
        self._expect(_CLOSE, 0)
        if self._nesting.pop() != _OPENED_BY[bracket]:
            raise Ungrammatical(MALFORMED_JSON)
        self._value_ended(end)

    def _value_began(self, start: int) -> None:
        if len(self._nesting) == 1:
            self._value_start = start

    def _value_ended(self, end: int) -> None:
        self._allowed = _COMMA | _CLOSE if self._nesting else 0
        if self._nesting == b"{":
            # Taken out first, so that the order is that of the last mentions: one key may be spelt in several ways.
            self.members.pop(self._key, None)
            self.members[self._key] = (self._value_start, end)
        elif self._nesting == b"[":
            self.elements.append((self._value_start, end))


def walk(text: bytes) -> dict[bytes, bytes]:
    """The members of the outer object by their key as it is written, quotes included, each where it came last.

    Empty for anything but an object. Raises Ungrammatical.
    """
    return {key: text[start:end] for key, (start, end) in _walked(text).members.items()}


def walk_list(text: bytes) -> list[bytes]:
    """The elements of the outer list, without the space around them. Empty for anything else. Raises Ungrammatical."""
    return [text[start:end] for start, end in _walked(text).elements]


def _walked(text: bytes) -> _Walk:
    state = _Walk()
    position = 0
    while match := _TOKEN.match(text, position):
        kind = match.lastgroup
        assert kind is not None
        start, position = match.span(kind)
        state.take(kind, match[kind], start, position)
    if not state.ended or text[position:].strip(b" \t\n\r"):
        raise Ungrammatical(MALFORMED_JSON)
    return state


def unstorable_escape(text: bytes) -> str | None:
    r"""The slug of the first escape that no PostgreSQL text can hold, or None. ``text`` must be grammatical.

    Escapes are read from the left, so that the second half of an escaped backslash starts none: ``\\u0000`` is fine.
    """
    high_ends = -1
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else -1
        is_low = 0xDC00 <= unit <= 0xDFFF
        if high_ends >= 0 and not (is_low and match.start() == high_ends):
            return LONE_SURROGATE
        if is_low and high_ends < 0:
            return LONE_SURROGATE
        if unit == 0:
            return NUL_CHARACTER
        high_ends = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    return LONE_SURROGATE if high_ends >= 0 else None
