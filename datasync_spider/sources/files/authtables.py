"""Reads what a source sends for itself: headers, parameters, and who it says it is.

Invariant: no note made here shows a value: whatever stands here may be a secret that someone has put in its place. A
literal where ``secret:NAME`` belongs is refused.
"""

from __future__ import annotations

import re
from typing import Any

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, path_of, text_of
from datasync_spider.sources.files.oauthtables import read_grant
from datasync_spider.sources.files.tables import MASK, Kind, Table, masked, shown
from datasync_spider.sources.secretnames import MARK, is_reference, may_be_secret, references
from datasync_spider.sources.slots import checked_header, slots, with_stand_ins
from datasync_spider.sources.spec import Auth, BasicAuth, BodyAuth, HeadersAuth, Pairs, PythonAuth, QueryAuth
from datasync_spider.sources.userclasses import PYTHON, is_place

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {
        *("host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade"),
        *("content-length", "expect", "accept-encoding"),
    }
)
_NAME_SECRETS = f'a text such as "{MARK}NAME", with the secret itself in the environment, .env or the file of NAME_FILE'
_HEADERS = 'a table of names and texts, such as { Accept = "application/json" }'
_HEADER = f"visible ASCII characters and blanks, slots and {MARK}NAME"
_QUERY = 'a table of names and texts, or a list of pairs for repeats, such as [["tag", "a"], ["tag", "b"]]'
_TYPES = tuple(name for name in keys.AUTH if name != "python")
_NO_LITERAL = f"a secret itself belongs into no file: name it, as {MARK}NAME"


def read_headers(table: Table, key: str = "headers", *, are_secret: bool = False) -> dict[str, str]:
    """Each name with its text. ``are_secret``: each text must name a secret."""
    given = table.raw(key)
    if not isinstance(given, dict):
        if key in table:
            table.refuse(key, "it is no table", _HEADERS, MASK)
        return {}
    found = table.inner(key, given, keys.Keys(tuple(given)))
    for name in given:
        _check_header_name(found, name, tuple(given))
    must_name = {name for name in given if are_secret or may_be_secret(name)}
    return {name: found.take(name, _header_text(must_name=name in must_name), "") for name in given}


def read_query(table: Table, key: str = "query") -> Pairs:
    """The parameters in their order. A secret in one of them is the credential's, and no part of it."""
    given = table.raw(key)
    if key not in table:
        return ()
    pairs = list(given.items()) if isinstance(given, dict) else given
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        table.refuse(key, "it is neither", _QUERY, MASK)
        return ()
    found: list[tuple[str, str]] = []
    inner = table.inner(key, {}, keys.Keys(()))
    for name, value in pairs:
        try:
            found.append((name, _parameter(name, value)))
        except ValueError as error:
            is_plain = isinstance(value, str | int) and not may_be_secret(name) and MARK not in str(value)
            inner.refuse(name, error, "a text with slots, or a whole number", shown(value) if is_plain else MASK)
    return tuple(found)


def read_auth(table: Table) -> Auth | None:
    """None for an API that wants no credential, and where what is said of it is wrong."""
    allowed = 'a table such as { type = "bearer", token = "secret:NAME" }'
    given = table.raw("auth")
    type_of = given.get("type") if isinstance(given, dict) else None
    kind = type_of.partition(":")[0] if isinstance(type_of, str) else ""
    every_key = tuple(dict.fromkeys(key for each in keys.AUTH.values() for key in each.known))
    auth = table.table("auth", keys.AUTH.get(kind, keys.Keys(every_key)), allowed, masked)
    if auth is None:
        return None
    match auth.need("type", _type(), ""):
        case "headers":
            return HeadersAuth(headers=_some(auth, "headers", read_headers(auth, are_secret=True)))
        case "bearer":
            token = auth.need("token", _reference(), None)
            return None if token is None else HeadersAuth(headers={"Authorization": f"Bearer {token}"})
        case "basic":
            return _read_basic(auth)
        case "query":
            return QueryAuth(query=_some(auth, "query", _read_secrets(auth, "query")))
        case "body":
            return BodyAuth(body=_some(auth, "body", _read_members(auth)))
        case "oauth2-client-credentials" | "oauth2-refresh" as grant:
            return read_grant(auth, grant, text=_text(), reference=_reference())
        case str(python) if python.startswith(PYTHON):
            return PythonAuth(place=python.removeprefix(PYTHON), secrets=_read_secrets(auth, "secrets"))
    return None


def _type() -> Kind[str]:
    usual = choice(_TYPES)

    def read(value: Any) -> str:
        if isinstance(value, str) and value.startswith(PYTHON):
            if not is_place(value.removeprefix(PYTHON)):
                raise ValueError("what follows is no place of a class")
            return value
        return usual.read(value)

    return Kind(read, f"{', '.join(_TYPES)} or {PYTHON}package.module:Class")


def _read_members(auth: Table) -> dict[str, str]:
    """Members of the body by their paths, none of which is an element of a list."""
    found = _read_secrets(auth, "body")
    inner = auth.inner("body", {}, keys.Keys(()))
    for name in found:
        try:
            is_plain = path_of(name).names is not None
        except ValueError as error:
            inner.note(name, f"is no path: {error}")
        else:
            if not is_plain:
                inner.note(name, 'leads to an element of a list; allowed: names and "quoted names" joined by dots')
    return found


def _read_basic(auth: Table) -> BasicAuth:
    user = auth.need("user", Kind(_user, f"a text, or {_NAME_SECRETS}", masked), "")
    password = auth.take(
        "password", Kind(_password, f'{_NAME_SECRETS}; or "" where the user is the secret', masked), ""
    )
    if user and MARK not in user and auth.raw("password") in (None, ""):
        auth.note("password", f"is missing, and user names no secret; allowed: {_NAME_SECRETS}")
    return BasicAuth(user=user, password=password)


def _read_secrets(auth: Table, key: str) -> dict[str, str]:
    given = auth.raw(key)
    if not isinstance(given, dict):
        if key in auth:
            auth.refuse(key, "it is no table", 'a table such as { api_key = "secret:NAME" }', MASK)
        return {}
    found = auth.inner(key, given, keys.Keys(tuple(given)))
    return {name: found.take(name, Kind(_with_secret, _NAME_SECRETS, masked), "") for name in given}


def _some(auth: Table, key: str, found: dict[str, str]) -> dict[str, str]:
    if auth.raw(key) in (None, {}):
        auth.note(key, f"is missing or empty; allowed: a table of names, each with {_NAME_SECRETS}")
    return found


def _header_text(*, must_name: bool) -> Kind[str]:
    def read(value: Any) -> str:
        text = checked_header(_with_secret(value) if must_name else text_of(value))
        references(text)
        slots(text)
        return text

    return Kind(read, _NAME_SECRETS if must_name else _HEADER, masked)


def _reference() -> Kind[str]:
    def read(value: Any) -> str:
        if not is_reference(text_of(value)):
            raise ValueError(_NO_LITERAL)
        return str(value)

    return Kind(read, f"{MARK}NAME and nothing else, with the secret itself in the environment or .env", masked)


def _text() -> Kind[str]:
    """One that may be a secret's name, or be made of one. What is no name is shown as little."""

    def read(value: Any) -> str:
        text = text_of(value)
        references(text)
        slots(text)
        return text

    return Kind(read, f"a text, which may hold slots and {MARK}NAME", masked)


def _with_secret(value: Any) -> str:
    text = text_of(value)
    if not references(text):
        raise ValueError(_NO_LITERAL)
    slots(text)
    return text


def _user(value: Any) -> str:
    text = text_of(value)
    references(text)
    slots(text)
    if ":" in text.replace(MARK, ""):
        raise ValueError("it holds a colon, behind which a password would begin")
    return text


def _password(value: Any) -> str:
    return "" if value == "" else _reference().read(value)


def _parameter(name: str, value: Any) -> str:
    if not name or slots(name):
        raise ValueError("its name is empty or holds a slot")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("it is no text")
    text = str(value)
    literal = with_stand_ins(text, "")
    if MARK in text or (literal and may_be_secret(name)):
        raise ValueError('a credential belongs into auth = { type = "query", query = { … = "secret:NAME" } }')
    return text


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _check_header_name(table: Table, name: str, names: tuple[str, ...]) -> None:
    if not _HEADER_NAME.fullmatch(name):
        table.note(name, "is no header's name; allowed: letters, digits and -")
    elif name.lower() in _OURS:
        table.note(name, "is a header that the client sets by itself; allowed: any that says something to the API")
    elif name.lower() == "user-agent":
        table.note(name, "is what the setting USER_AGENT says, for all sources; allowed: any other header")
    elif name.lower() in {other.lower() for other in names[: names.index(name)]}:
        table.note(name, "stands there twice, in another case; allowed: each header once")
