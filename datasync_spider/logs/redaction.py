"""Takes secrets out of text that is about to be printed.

Invariant: a known secret is found in every form that reaches a log: as it is, percent-encoded whole or in part, and as
``repr`` and JSON write it. Credentials that no one has named to us are found by the words around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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


class Redactor:
    """Knows the secrets. Secrets and names may be added while other threads redact."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._patterns: dict[str, str] = {}
        self._passing: dict[str, str] = {}
        self._secrets: re.Pattern[str] | None = None
        self._plain: list[str] = []
        self._odd: list[str] = []
        self._odd_pattern: re.Pattern[str] | None = None
        self._places: dict[tuple[str, bool], list[re.Pattern[str]]] = {}
        self.add_secrets(secrets)

    def add_secrets(self, values: Iterable[str]) -> None:
        """From now on the values are masked; an empty one is none."""
        new = {value: _pattern_of(value) for value in values if value and value not in self._patterns}
        if new:
            self._patterns = {**self._patterns, **new}
            self._compile()

    def add_passing(self, values: Iterable[str]) -> None:
        """The same for values of which there will always be newer ones: only the last few are masked."""
        new = {value: _pattern_of(value) for value in values if value and value not in self._passing}
        if new:
            self._passing = dict([*self._passing.items(), *new.items()][-_PASSING:])
            self._compile()

    def _compile(self) -> None:
        patterns = {**self._passing, **self._patterns}
        # Longest first: a secret that begins with another one must not leave its end behind.
        ordered = sorted(patterns, key=len, reverse=True)
        self._odd = [secret for secret in ordered if not _is_plain(secret)]
        self._odd_pattern = re.compile("|".join(patterns[secret] for secret in self._odd)) if self._odd else None
        self._plain = [secret for secret in ordered if _is_plain(secret)]
        self._secrets = re.compile("|".join(patterns[secret] for secret in ordered))

    def add_header(self, name: str) -> None:
        """From now on what stands behind the header's name is masked, whatever it is."""
        self._places = {**self._places, (name.lower(), True): _patterns_of_name(name, is_header=True)}

    def add_parameter(self, name: str) -> None:
        """The same for a parameter of a query. No sentence about one is masked: a parameter may be called ``key``."""
        self._places = {**self._places, (name.lower(), False): _patterns_of_name(name, is_header=False)}

    def redact(self, text: str) -> str:
        """``text`` with a mask in the place of every secret."""
        if self._secrets is not None and self._may_have_one(text):
            text = self._secrets.sub(MASK, text)
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

    def _may_have_one(self, text: str) -> bool:
        """Whether to look closely: a thousand tenants have a thousand tokens, and hardly a line has one of them.

        In a text without signs that begin another spelling of a character, a secret stands as it is, or not at all.
        """
        if "%" in text or "+" in text or any(secret in text for secret in self._plain):
            return True
        if self._odd_pattern is None:
            return False
        if "\\" in text:
            return self._odd_pattern.search(text) is not None
        return any(secret in text for secret in self._odd)


def _is_plain(secret: str) -> bool:
    """Whether no backslash is ever among its spellings."""
    return secret.isascii() and secret.isprintable() and not any(character in "\\\"'/" for character in secret)


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


def _pattern_of(secret: str) -> str:
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
