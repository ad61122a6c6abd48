"""Takes secrets out of text that is about to be printed.

Invariant: a known secret is found in every form that reaches a log: as it is, percent-encoded whole or in part, and as
``repr`` and JSON write it. Credentials that no one has named to us are found by the words around them.

What a line costs does not grow with the number of secrets: a thousand tenants have a thousand tokens, and hardly a line
has one of them. Whatever way a secret is written, its letters and digits are there as they are, or percent-encoded; so
the line is decoded once, and only those are looked for closely of whose longest piece it has the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from msgspec import Struct

MASK = "***"
# A short secret is also part of innocent words ("postgres" of "postgresql"), so it counts only as a word of its own.
_SHORT = 8
# Tokens of an hour each: those of more than a day.
_PASSING = 64
# Each layer of quoting doubles backslashes; a bound keeps long runs of them from costing more than one look each.
_ESCAPES = r"\\{1,16}"
_WORD_START = (
    r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[abfnrtv])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
)
_WORD_END = r"(?![0-9A-Za-z])"
# All else may be written in more ways than percent-encoded; see _character.
_NOT_AS_IT_IS = re.compile(r"[^!-~]|[\\\"'/%]")
_TAKEN_FOR_A_CODE = re.compile(r"^[0-9A-Fa-f]{1,2}")
_BEGINNING = 6
# Each of so many is looked for by itself.
_FEW = 100

_OPENING = r"\\*[\"']?\s*[:=,]\s*(?:[\[(]\s*)*(?:b?\\*[\"'])?"
_VALUE = r"[^\s\"'\\,;&\])}]+"
_MASKED = rf"\1{MASK}"
_AUTHORIZATION = rf"(authorization{_OPENING}(?:(?:basic|bearer)\s+)?){_VALUE}"
_PASSWORD = r"(\b(?:ssl)?password\s*=\s*)(?:'(?:\\.|[^'\\])*'|[^\s&\"']+)"
# What each such place has in it, and the place: its first group is what stays.
_KNOWN_PLACES = (
    # scheme://user:password@
    ("://", re.compile(r"(://[^\s:/?#@\"']*:)[^\s/@]+(?=@)")),
    # as a header line, in a dict of headers, in JSON or in a query
    ("authorization", re.compile(_AUTHORIZATION, re.IGNORECASE)),
    # a password among libpq's parameters
    ("password", re.compile(_PASSWORD, re.IGNORECASE)),
)


class _Known(Struct, frozen=True):
    """``begun``: secrets with their pieces, by how these begin. ``short``: those whose pieces are shorter than that."""

    begun: dict[str, list[tuple[str, str]]]
    short: list[tuple[str, str]]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> _Known:
        known = cls({}, [])
        for secret in secrets:
            piece = _piece_of(secret)
            same = known.short if len(piece) < _BEGINNING else known.begun.setdefault(piece[:_BEGINNING], [])
            same.append((piece, secret))
        return known

    def perhaps_in(self, text: str) -> Iterator[str]:
        """Those that may be in the text: hardly ever one that is not."""
        read = unquote(text) if "%" in text else text
        for piece, secret in self.short:
            if piece in read:
                yield secret
        beginnings = self.begun if len(self.begun) <= _FEW else self.begun.keys() & _beginnings_in(read)
        for beginning in beginnings:
            for piece, secret in self.begun[beginning]:
                if piece in read:
                    yield secret


def _beginnings_in(text: str) -> set[str]:
    return {text[at : at + _BEGINNING] for at in range(len(text) - _BEGINNING + 1)}


class Redactor:
    """Knows the secrets. Secrets and names may be added while other threads redact."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lasting: dict[str, None] = {}
        self._passing: dict[str, None] = {}
        self._known = _Known.of(())
        self._places: dict[tuple[str, bool], list[re.Pattern[str]]] = {}
        self.add_secrets(secrets)

    def add_secrets(self, values: Iterable[str]) -> None:
        """From now on the values are masked; an empty one is none."""
        new = [value for value in values if value and value not in self._lasting]
        if new:
            self._lasting = dict.fromkeys([*self._lasting, *new])
            self._known = _Known.of({**self._passing, **self._lasting})

    def add_passing(self, values: Iterable[str]) -> None:
        """The same for values of which there will always be newer ones: only the last few are masked."""
        new = [value for value in values if value and value not in self._passing]
        if new:
            self._passing = dict.fromkeys([*self._passing, *new][-_PASSING:])
            self._known = _Known.of({**self._passing, **self._lasting})

    def add_header(self, name: str) -> None:
        """From now on what stands behind the header's name is masked, whatever it is."""
        self._places = {**self._places, (name.lower(), True): _patterns_of_name(name, is_header=True)}

    def add_parameter(self, name: str) -> None:
        """The same for a parameter of a query. No sentence about one is masked: a parameter may be called ``key``."""
        self._places = {**self._places, (name.lower(), False): _patterns_of_name(name, is_header=False)}

    def redact(self, text: str) -> str:
        """``text`` with a mask in the place of every secret."""
        if found := set(self._known.perhaps_in(text)):
            text = _pattern_of(frozenset(found)).sub(MASK, text)
        # Hardly a line names any of them, and a look for a name is a hundredth of one for what may follow it. What is
        # a letter in other case, of all that is not ASCII, is for the patterns to say.
        names = text.lower().replace("_", "-") if text.isascii() else None
        for (name, _), patterns in self._places.items():
            if names is None or name.replace("_", "-") in names:
                for named in patterns:
                    text = named.sub(_MASKED, text)
        for sign, place in _KNOWN_PLACES:
            if names is None or sign in names:
                text = place.sub(_MASKED, text)
        return text


def _piece_of(secret: str) -> str:
    """What every spelling of it has, percent-decoded. Its first two hexadecimal digits may be taken for a code's."""
    longest = max(_NOT_AS_IT_IS.split(secret), key=len)
    return _TAKEN_FOR_A_CODE.sub("", longest)


def _patterns_of_name(name: str, *, is_header: bool) -> list[re.Pattern[str]]:
    """Each finds one form in which a value follows its name; the first group is what stays."""
    written = re.escape(name)
    # As programs name the variables that they make of headers.
    written = written.replace(r"\-", "[-_]") if is_header else written
    start = rf"(?<![0-9A-Za-z_-]){written}"
    forms = [
        # in quotes, up to the same quote: in a dict of headers, in pairs, in JSON
        rf"({start}\\*[\"']?\s*[:=,]\s*(?:[\[(]\s*)*b?(\\*[\"']))(?:(?!\2)(?:\\.|.))*",
        # a number in JSON, a parameter of a query
        rf"({start}(?:\\*[\"']\s*[:=]|\s*=)\s*)(?![\[(]|b?\\*[\"']){_VALUE}",
    ]
    if is_header:
        # a line of its own, whose value may have several words
        forms.append(rf"({start}\s?:[ \t]*)(?![\s\[(\"'\\]|b[\"']|{re.escape(MASK)})[^\r\n]+")
    return [re.compile(form, re.IGNORECASE) for form in forms]


@lru_cache(maxsize=64)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str]:
    # Longest first: a secret that begins with another one must not leave its end behind.
    return re.compile("|".join(_spellings_of(secret) for secret in sorted(secrets, key=len, reverse=True)))


def _spellings_of(secret: str) -> str:
    body = "".join(_character(character) for character in secret)
    return f"{_WORD_START}{body}{_WORD_END}" if len(secret) <= _SHORT else body


def _character(character: str) -> str:
    """Every spelling of one character: raw, percent-encoded, and behind any number of escaping backslashes."""
    encoded = character.encode("utf-8", "surrogatepass")
    percent = "".join(f"%{_hex(byte, 2)}" for byte in encoded)
    if character == "\\":
        return f"(?:{_ESCAPES}|{percent})"
    if character in "\"'/":
        return f"(?:(?:{_ESCAPES})?{character}|{percent})"
    if character == " ":
        return rf"(?: |\+|{percent})"
    if character.isascii() and character.isprintable():
        return f"(?:{re.escape(character)}|{percent})"
    as_bytes = "".join(f"{_ESCAPES}x{_hex(byte, 2)}" for byte in encoded)
    short = f"{_ESCAPES}{character.encode('unicode_escape').decode('ascii').lstrip(chr(92))}"
    return f"(?:{'|'.join([re.escape(character), percent, as_bytes, short, *_numbered(ord(character))])})"


def _numbered(code: int) -> list[str]:
    """As Python's ``repr`` and JSON write a character by its number."""
    if code < 0x10000:
        return [f"{_ESCAPES}u{_hex(code, 4)}"]
    return [f"{_ESCAPES}U{_hex(code, 8)}", _surrogates(code)]


def _surrogates(code: int) -> str:
    """As JSON writes a character beyond the first 65,536."""
    high, low = divmod(code - 0x10000, 0x400)
    return f"{_ESCAPES}u{_hex(0xD800 + high, 4)}{_ESCAPES}u{_hex(0xDC00 + low, 4)}"


def _hex(number: int, digits: int) -> str:
    """Hexadecimal digits in either case."""
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{number:0{digits}x}")
