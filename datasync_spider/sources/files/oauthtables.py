"""Reads how a source has its tokens by OAuth2.

Invariant: as of all that reads credentials: no note shows a value that may be a secret.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, duration, path, stream_url
from datasync_spider.sources.files.tables import MASK, Kind, Table
from datasync_spider.sources.paths import Path
from datasync_spider.sources.secretnames import MARK, may_be_secret, references
from datasync_spider.sources.spec import OAuth2, Pairs

_Grant: TypeAlias = Literal["client-credentials", "refresh"]

_FIELDS = f'a table of names and texts, such as {{ resource = "https://api.example.com" }}, secrets as {MARK}NAME'
_SENT: tuple[Literal["basic", "form"], ...] = ("basic", "form")
_ENCODED: tuple[Literal["form", "json"], ...] = ("form", "json")
_UNITS: tuple[Literal["s", "ms"], ...] = ("s", "ms")
# What a request for a token is made of; for another text there is a key of its own.
_OURS = frozenset({"grant_type", "refresh_token", "client_id", "client_secret", "scope", "audience"})


def read_grant(auth: Table, type_of: str, *, text: Kind[str], reference: Kind[str]) -> OAuth2:
    """``text`` and ``reference``: a text that may name secrets, and one that is the name of a secret."""
    grant: _Grant = "refresh" if type_of == "oauth2-refresh" else "client-credentials"
    is_refresh = grant == "refresh"
    answer, unit = _answer(auth)
    return OAuth2(
        grant=grant,
        token_url=auth.need("token_url", _token_url(), "/"),
        # Some give a new token for a refresh token alone.
        client_id=auth.take("client_id", text, "") if is_refresh else auth.need("client_id", text, ""),
        client_secret=(auth.take if is_refresh else auth.need)("client_secret", reference, ""),
        refresh_token=auth.need("refresh_token", reference, "") if is_refresh else "",
        scope=auth.take("scope", text, ""),
        audience="" if is_refresh else auth.take("audience", text, ""),
        send=auth.take("send", choice(_SENT), "basic"),
        leeway_seconds=auth.take("leeway", duration(), 60.0),
        fields=_fields(auth, text),
        encoding=auth.take("encoding", choice(_ENCODED), "form"),
        answer=answer,
        unit=unit,
    )


def _token_url() -> Kind[str]:
    usual = stream_url()
    allowed = "a path that follows base_url, such as /oauth/token, or an http or https URL without user and fragment"
    return Kind(usual.read, allowed, usual.show)


def _fields(auth: Table, text: Kind[str]) -> Pairs:
    given = auth.raw("fields")
    if not isinstance(given, dict):
        if "fields" in auth:
            auth.refuse("fields", "it is no table", _FIELDS, MASK)
        return ()
    found = auth.inner("fields", given, keys.Keys(tuple(given)))
    for name in sorted(_OURS & given.keys()):
        found.note(name, "is a field that auth has a key for; allowed: any other field")
    return tuple((name, found.take(name, _field(name, text), "")) for name in given)


def _field(name: str, text: Kind[str]) -> Kind[str]:
    def read(value: Any) -> str:
        found = text.read(value)
        if may_be_secret(name) and not references(found):
            raise ValueError(f"a secret itself belongs into no file: name it, as {MARK}NAME")
        return found

    return Kind(read, text.allowed, text.show)


def _answer(auth: Table) -> tuple[dict[str, Path], Literal["s", "ms"]]:
    table = auth.table("answer", keys.TOKEN_ANSWER, 'a table such as { expires_in = "expires_in_ms", unit = "ms" }')
    if table is None:
        return {}, "s"
    names = [name for name in keys.TOKEN_ANSWER.known if name != "unit"]
    read = {name: table.take(name, path(), None) for name in names}
    return {name: found for name, found in read.items() if found is not None}, table.take("unit", choice(_UNITS), "s")
