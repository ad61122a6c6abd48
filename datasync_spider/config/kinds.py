"""The kinds of values a setting may have: how each is read from text, and how what is allowed is said in words.

Invariant: a reader either gives a value of its type or raises ValueError with a reason that does not repeat the text,
which may be a secret. Where a text comes from and how a refusal is reported is not known here.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from datasync_spider.config.database_url import check_database_url
from datasync_spider.sources.addresses import shown_url, url_parts
from datasync_spider.sources.files.kinds import duration as written_duration
from datasync_spider.sources.slicenames import canonical

_Number = TypeVar("_Number", int, float)

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_KEY_BYTES = 32
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class Kind(Struct, frozen=True):
    """``read`` makes the value or raises ValueError; ``allowed`` completes the sentence "allowed: …".

    ``show`` is how a refused text is printed, by a kind whose texts may hold a secret in a known place.
    """

    read: Callable[[str], Any]
    allowed: str
    show: Callable[[str], str] = repr


def whole_number(low: int, high: int) -> Kind:
    """Decimal digits only: ``5e3``, ``5_000`` and ``5000ms`` are refused rather than guessed at."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise ValueError("not a whole number")
        return _within(int(text), low, high)

    return Kind(read, f"a whole number from {low} to {high}")


def duration(shortest_seconds: float, longest_seconds: float) -> Kind:
    """Seconds, written as durations are in a source's file: a number, or one with a unit."""
    kind = written_duration()

    def read(text: str) -> float:
        return _within(kind.read(float(text) if _NUMBER.fullmatch(text) else text), shortest_seconds, longest_seconds)

    return Kind(read, f"a number of seconds from {shortest_seconds:g}, or one with a unit such as 30s, 5m, 2h or 1d")


def percentage() -> Kind:
    """A share in per cent, with decimals where wanted."""

    def read(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", text):
            raise ValueError("not a number")
        return _within(float(text), 0.0, 100.0)

    return Kind(read, "a number from 0 to 100")


def slice_name(longest_bytes: int) -> Kind:
    """A slice's name as it is written, or the canonical JSON of its values: the same in whatever order they come."""

    def read(text: str) -> str:
        if not text.startswith("{"):
            if not _PLAIN_NAME.fullmatch(text):
                raise ValueError("neither a name nor a JSON object")
            return text
        name = _canonical(text)
        if len(name.encode()) > longest_bytes:
            raise ValueError("too long")
        return name

    return Kind(
        read,
        f"a name of A-Z, a-z, 0-9, _, ., : and -, or a JSON object of texts, whole numbers and booleans, at most"
        f" {longest_bytes:,} bytes",
    )


def _canonical(text: str) -> str:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name twice in a JSON object")
        return dict(pairs)

    try:
        values = json.loads(text, object_pairs_hook=unique)
        if not all(isinstance(value, str | int) for value in values.values()):
            raise ValueError("a value that is no text, whole number or boolean")
        return canonical(values)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("not a JSON object") from error


def choice(*options: str) -> Kind:
    """The options' own spelling is given, whatever case the text has."""
    by_folded = {option.casefold(): option for option in options}

    def read(text: str) -> str:
        if text.casefold() not in by_folded:
            raise ValueError("none of these")
        return by_folded[text.casefold()]

    return Kind(read, ", ".join(options[:-1]) + f" or {options[-1]}, in any case")


def boolean() -> Kind:
    """Yes or no, in the spellings that are common in environments."""

    def read(text: str) -> bool:
        folded = text.casefold()
        if folded not in _TRUE | _FALSE:
            raise ValueError("neither true nor false")
        return folded in _TRUE

    return Kind(read, "true or false (also yes, no, on, off, 1, 0)")


def pattern(expression: str, allowed: str) -> Kind:
    """Text that a regular expression matches whole."""

    def read(text: str) -> str:
        if not re.fullmatch(expression, text):
            raise ValueError("not of this form")
        return text

    return Kind(read, allowed)


def base_url() -> Kind:
    """An API's address; slashes at its end are dropped, so that paths can be appended."""
    allowed = "an http or https URL without user, query and fragment, such as https://host/api/v1"
    return Kind(_read_base_url, allowed, _show_base_url)


def webhook_url() -> Kind:
    """Where something is posted to. Path and query may be what makes it secret."""

    def read(text: str) -> str:
        if "@" in url_parts(text).netloc:
            raise ValueError("it holds a user or a password, which are not sent")
        if "#" in text:
            raise ValueError("it holds a fragment")
        return text

    return Kind(read, "an http or https URL without user and fragment, such as https://host/hooks/datasync")


def signing_secret() -> Kind:
    """What messages are signed with, as Standard Webhooks has it, or any other word."""
    allowed = "visible ASCII characters without spaces; behind whsec_ a key in base64"
    word = pattern(_VISIBLE_ASCII.pattern, allowed)

    def read(text: str) -> str:
        if text.startswith("whsec_"):
            try:
                base64.b64decode(text.removeprefix("whsec_"), validate=True)
            except ValueError:
                raise ValueError("what is behind whsec_ is not in base64") from None
        return str(word.read(text))

    return Kind(read, allowed)


def database_url() -> Kind:
    """What libpq takes as a connection URL."""

    def read(text: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("it is not UTF-8 text") from None
        return check_database_url(text)

    return Kind(read, "a URL that begins with postgresql:// or postgres://")


def header_value() -> Kind:
    """What can travel in a request header without a chance to forge another one."""
    return pattern(_VISIBLE_ASCII.pattern, "visible ASCII characters without spaces")


def header_text() -> Kind:
    """What can stand in a request header, words and all."""
    return pattern(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", "visible ASCII characters and spaces")


def encryption_keys() -> Kind:
    """The bytes of each key, in their order."""

    def read(text: str) -> tuple[bytes, ...]:
        keys = tuple(map(_read_key, text.split(",")))
        if len(set(keys)) < len(keys):
            raise ValueError("it holds the same key twice")
        return keys

    return Kind(read, "32 random bytes in base64, as openssl rand -base64 32 prints them; several with commas between")


def _read_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raise ValueError("it is not in base64") from None
    if len(key) != _KEY_BYTES:
        raise ValueError(f"it has {len(key)} bytes and not {_KEY_BYTES}")
    return key


def listen_address() -> Kind:
    """Where a server listens. A name is not taken but for one: what it stands for may change between two looks."""

    def read(text: str) -> str:
        if text == "localhost":
            return "127.0.0.1"
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            # ipaddress' own message repeats the text.
            raise ValueError("no IP address") from None

    return Kind(read, "an IP address or localhost")


def path() -> Kind:
    """A tilde is expanded; a relative path stays relative for the caller, who knows what it is relative to."""

    def read(text: str) -> Path:
        if "\0" in text:
            raise ValueError("it holds a NUL character")
        try:
            return file_path(text)
        except RuntimeError:
            raise ValueError("the home directory that ~ stands for is not known") from None

    return Kind(read, "a path; a relative one starts at the project's directory")


def file_path(text: str) -> Path:
    """The file that a text in UTF-8 names, whatever the locale takes names for. Raises RuntimeError for a ``~``."""
    return Path(os.fsdecode(text.encode("utf-8", "surrogateescape"))).expanduser()


def _within(value: _Number, low: _Number, high: _Number) -> _Number:
    if not low <= value <= high:
        raise ValueError("out of range")
    return value


def _read_base_url(text: str) -> str:
    parts = url_parts(text)
    if "@" in parts.netloc:
        raise ValueError("it holds a user or a password: the key belongs into DATASYNC_API_KEY")
    # A bare "?" or "#" splits into an empty part, so the text is looked at.
    if "?" in text or "#" in text:
        raise ValueError("it holds a query or a fragment")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _show_base_url(text: str) -> str:
    return repr(shown_url(text))
