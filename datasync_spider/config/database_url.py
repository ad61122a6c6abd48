"""What a PostgreSQL URL holds that must not be printed, found the way libpq finds it.

Invariant: no password of a URL that :func:`check_database_url` accepts survives :func:`database_label`. ``urllib``
splits at ``#`` first, libpq at ``@``: what follows a bare ``#`` in a password would be a fragment to it, and be shown.
Connecting, and what libpq makes of the other parameters, is storage's.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

_SCHEME = re.compile(r"postgres(?:ql)?://")
_SECRET_PARAMETERS = frozenset(
    {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}
)
_LOCATING_PARAMETERS = frozenset({"host", "hostaddr", "port", "dbname"})
# Parameters that other tools put into such a URL, by their names in lower case, and what to write instead.
_LEAVE_OUT = "leave it out: it means nothing here"
_PATH = "write options=-csearch_path%3DNAME"
_OF_OTHER_TOOLS = {
    "schema": _PATH,
    "currentschema": _PATH,
    "search_path": _PATH,
    "encoding": "leave it out: UTF-8 is asked for in any case",
    "charset": "leave it out: UTF-8 is asked for in any case",
    "sslaccept": "write sslmode=require, or sslmode=verify-full with sslrootcert",
    "usessl": "write sslmode=require, or sslmode=verify-full with sslrootcert",
    **dict.fromkeys(("pgbouncer", "connection_limit", "pool_timeout", "pool_size", "max_overflow"), _LEAVE_OUT),
    **dict.fromkeys(("socket_timeout", "statement_cache_size", "prepared_statements", "preparethreshold"), _LEAVE_OUT),
    **dict.fromkeys(("binary_parameters", "applicationname", "timeout", "logintimeout"), _LEAVE_OUT),
}
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class _Parts(NamedTuple):
    user: str
    password: str
    location: str
    parameters: tuple[tuple[str, str], ...]


def check_database_url(text: str) -> str:
    """The same text; ValueError, which does not repeat it, where it is no PostgreSQL URL or not plainly one."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise ValueError("it begins with neither postgresql:// nor postgres://")
    if _UNPRINTABLE.search(text):
        raise ValueError("it holds a space or a control character, which must be percent-encoded")
    if _BROKEN_ESCAPE.search(text):
        raise ValueError("it holds a % that begins no character's code: write the % itself as %25")
    _refuse_stray_at(text[scheme.end() :])
    _refuse_other_tools(text)
    return text


def _refuse_stray_at(rest: str) -> None:
    """To libpq the password ends at the first @ and the host at the first /, so bare ones in a password move both."""
    authority, _, tail = rest.partition("/")
    credentials_and_host, question, query = authority.partition("?")
    path = "" if question else tail.partition("?")[0]
    early_question = "@" in query and "@" not in credentials_and_host
    if credentials_and_host.count("@") > 1 or "@" in path or early_question:
        raise ValueError("its @ is not where it can be understood: percent-encode @ / ? in a password as %40 %2F %3F")


def _refuse_other_tools(text: str) -> None:
    for name, _ in _split(text).parameters:
        remedy = _OF_OTHER_TOOLS.get(name.lower())
        if remedy is not None:
            raise ValueError(f"its parameter {name} is another tool's, and libpq knows none of that name: {remedy}")


def database_secrets(url: str) -> tuple[str, ...]:
    """The passwords in ``url``, as they stand there and percent-decoded."""
    parts = _split(url)
    written = [parts.password, *(value for name, value in parts.parameters if name in _SECRET_PARAMETERS)]
    return tuple(dict.fromkeys(form for text in written for form in (text, unquote(text)) if form))


def database_label(url: str) -> str:
    """``url`` for people: no password, and of the parameters only those that say where the database is."""
    parts = _split(url)
    user = f"{parts.user}@" if parts.user else ""
    shown = "&".join(f"{name}={unquote(value)}" for name, value in parts.parameters if name in _LOCATING_PARAMETERS)
    return f"postgresql://{user}{parts.location}" + (f"?{shown}" if shown else "")


def _split(url: str) -> _Parts:
    scheme = _SCHEME.match(url)
    rest, _, query = url[scheme.end() if scheme else 0 :].partition("?")
    user, password, location = "", "", rest
    if "@" in rest:
        credentials, _, location = rest.partition("@")
        user, _, password = credentials.partition(":")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return _Parts(user, password, location, tuple((name, value) for name, _, value in pairs))
