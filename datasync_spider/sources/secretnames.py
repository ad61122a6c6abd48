"""Secrets by name: ``secret:NAME`` in a source's texts, which of them a source needs, and where they travel. Pure.

Invariant: no secret's value is in a source. :func:`put_secrets` is given them, and its errors do not hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from datasync_spider.sources.slots import checked_header, fill
from datasync_spider.sources.spec import (
    Auth,
    BasicAuth,
    BodyAuth,
    HeadersAuth,
    OAuth2,
    PythonAuth,
    QueryAuth,
    Source,
    Stream,
)

MARK = "secret:"
_REFERENCE = re.compile(
    r"(?<![A-Za-z0-9_])secret:(?P<name>(?:[A-Za-z0-9_]|\{slice\.[A-Za-z_][A-Za-z0-9_-]*\})*)(?P<more>[-.{]?)"
)
_OF_TOKENS = frozenset({"access_token", "refresh_token", "client_secret"})
_IN_NO_NAME = re.compile(r"[\s=\x00]")
_SECRET_NAMES = re.compile(
    r"(?:proxy-)?authorization|cookie|(?:.*[-_.])?(?:password|passwd|pwd|passphrase|secret|signature)"
    r"|(?:.*[-_.])?(?:api|o?auth|access|private|secret|client|app|application|subscription)[-_.]?(?:key|token|secret)"
    r"|key|token|.*[-_.]auth",
    re.IGNORECASE,
)


class Wanted(Struct, frozen=True):
    """A secret that a source needs. ``place`` says to a person what for; a header carries less than other places do."""

    name: str
    place: str
    is_header: bool


class SecretPlaces(Struct, frozen=True):
    """Names of the headers and of the query's parameters in which a source's secrets travel."""

    headers: frozenset[str]
    parameters: frozenset[str]


def may_be_secret(name: str) -> bool:
    """Whether a header or parameter of this name usually carries a credential."""
    return _SECRET_NAMES.fullmatch(name) is not None


def references(text: str) -> tuple[str, ...]:
    """The names of the secrets, which may hold slots. Raises ValueError for what begins as a reference and is none."""
    return tuple(_checked(match) for match in _REFERENCE.finditer(text))


def is_reference(text: str) -> bool:
    """Whether the text is the name of a secret and nothing else. Raises ValueError as :func:`references` does."""
    names = references(text)
    return len(names) == 1 and text == f"{MARK}{names[0]}"


def put_secrets(text: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    """The text with its slots filled in and each secret in its place. Raises ValueError as slots do."""
    parts: list[str] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        parts.append(fill(text[position : match.start()], values))
        parts.append(secrets[_filled(_checked(match), values)])
        position = match.end()
    return "".join([*parts, fill(text[position:], values)])


def put_header(text: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    """The same for a header's value, which is checked as a whole."""
    return checked_header(put_secrets(text, values, secrets))


def secrets_of(source: Source, stream: Stream, values: Mapping[str, str]) -> tuple[Wanted, ...]:
    """What a slice of the stream needs; ``values`` fills the slots of the secrets' names."""
    return tuple(
        Wanted(_filled(name, values), f"{place} of source {source.name}", is_header)
        for place, text, is_header in _texts(source, stream)
        for name in references(text)
    )


def secret_places(source: Source) -> SecretPlaces:
    """All that is to be blotted out wherever it is written, whatever its value."""
    headers = [source.headers, *(stream.headers for stream in source.streams.values())]
    named = {name for table in headers for name, text in table.items() if references(text)}
    match source.auth:
        case HeadersAuth(headers=own):
            return SecretPlaces(frozenset(named | own.keys()), frozenset())
        case BasicAuth():
            return SecretPlaces(frozenset(named | {"Authorization"}), frozenset())
        case QueryAuth(query=query):
            return SecretPlaces(frozenset(named), frozenset(query))
        case OAuth2():
            return SecretPlaces(frozenset(named | {"Authorization"}), _OF_TOKENS)
        case _:
            return SecretPlaces(frozenset(named), frozenset())


def _texts(source: Source, stream: Stream) -> Iterator[tuple[str, str, bool]]:
    yield from auth_texts(source.auth)
    yield from ((f"headers.{name}", text, True) for name, text in source.headers.items())
    yield from ((f"[streams.{stream.name}] headers.{name}", text, True) for name, text in stream.headers.items())


def auth_texts(auth: Auth | None) -> Iterator[tuple[str, str, bool]]:
    """What may name a secret or hold a slot: its place for people, the text, and whether a header must carry it."""
    match auth:
        case HeadersAuth(headers=headers):
            yield from ((f"auth (header {name})", text, True) for name, text in headers.items())
        case BasicAuth(user=user, password=password):
            yield "auth.user", user, False
            yield "auth.password", password, False
        case QueryAuth(query=query):
            yield from ((f"auth (parameter {name})", text, False) for name, text in query.items())
        case BodyAuth(body=body):
            yield from ((f"auth (member {name} of the body)", text, False) for name, text in body.items())
        case OAuth2():
            for key in ("client_id", "client_secret", "refresh_token", "scope", "audience"):
                yield f"auth.{key}", getattr(auth, key), False
            yield from ((f"auth.fields.{name}", text, False) for name, text in auth.fields)
        case PythonAuth(secrets=secrets):
            yield from ((f"auth.secrets.{name}", text, False) for name, text in secrets.items())


def _checked(match: re.Match[str]) -> str:
    name = match["name"]
    if not name or name[0].isdigit() or match["more"]:
        raise ValueError("secret: is followed by a name of letters, digits and _, or {slice.NAME} as a part of it")
    return name


def _filled(name: str, values: Mapping[str, str]) -> str:
    filled = fill(name, values)
    if _IN_NO_NAME.search(filled):
        raise ValueError("a slice's value holds what no variable's name can hold: blanks, line ends or =")
    return filled
