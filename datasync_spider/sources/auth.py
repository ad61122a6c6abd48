"""What proves to an API who asks: the strategies of a source, with their secrets filled in.

Invariant: a secret goes into a header, a parameter or a body's member that is added to each request, and stands nowhere
else; the names that it goes by are known, so that it can be taken out of whatever the API sends back.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from datasync_spider.sources.oauth import Grant
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.secretnames import put_secrets, references
from datasync_spider.sources.signing import Signer
from datasync_spider.sources.slots import fill, fill_url
from datasync_spider.sources.spec import Auth, BasicAuth, BodyAuth, HeadersAuth, OAuth2, Pairs, PythonAuth, QueryAuth
from datasync_spider.sources.urls import page_url

_BASIC = "Basic "


@dataclass(frozen=True, slots=True)
class Authorization:
    """``headers``, ``query`` and ``body`` are what each request carries, with secrets: not to be shown.

    ``grant``: how the token is had that goes with each request; ``signer``: what signs each of them.
    """

    headers: Pairs = field(default=(), repr=False)
    query: Pairs = field(default=(), repr=False)
    body: tuple[tuple[Path, str], ...] = field(default=(), repr=False)
    grant: Grant | None = None
    signer: Signer | None = None
    signing_key: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str | None:
        """What the API distinguishes callers by; None where requests carry nothing. No token: those come and go."""
        if self.grant is not None:
            return self.grant.key
        if self.signer is not None:
            return self.signing_key
        given = [*self.headers, *self.query, *((str(path), text) for path, text in self.body)]
        if len(given) == 1:
            return given[0][1]
        return "\n".join(f"{name}: {value}" for name, value in sorted(given)) or None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed, be it with its scheme or without: of user and password it is another text."""
        given = tuple(value for _, value in (*self.headers, *self.query, *self.body))
        of_grant = () if self.grant is None else self.grant.secrets
        return given + of_grant + tuple(value.removeprefix(_BASIC) for value in given if value.startswith(_BASIC))

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the query's parameters that hold secrets."""
        signed = frozenset[str]() if self.signer is None else self.signer.parameters
        return signed | {name for name, _ in self.query}


def authorize(
    auth: Auth | None, slots: Mapping[str, str], secrets: Mapping[str, str], base_url: str | None
) -> Authorization:
    """Puts secrets and slots into the source's texts. ``base_url``: what relative URLs follow.

    Raises ValueError as slots do, and ConfigurationError where a class of the user's cannot be used.
    """

    def filled(text: str) -> str:
        return put_secrets(text, slots, secrets)

    match auth:
        case HeadersAuth():
            return Authorization(headers=tuple((name, filled(text)) for name, text in auth.headers.items()))
        case QueryAuth():
            return Authorization(query=tuple((name, filled(text)) for name, text in auth.query.items()))
        case BasicAuth():
            pair = f"{filled(auth.user)}:{filled(auth.password)}"
            return Authorization(headers=(("Authorization", f"{_BASIC}{base64.b64encode(pair.encode()).decode()}"),))
        case BodyAuth():
            return Authorization(body=tuple((parse_path(path), filled(text)) for path, text in auth.body.items()))
        case OAuth2():
            return Authorization(grant=_grant(auth, slots, secrets, base_url))
        case PythonAuth():
            named = {name: filled(text) for name, text in auth.secrets.items()}
            key = "\n".join(f"{name}: {text}" for name, text in sorted(named.items()))
            return Authorization(signer=Signer.of(auth.place, named), signing_key=key or None)
        case _:
            return Authorization()


def _grant(auth: OAuth2, slots: Mapping[str, str], secrets: Mapping[str, str], base_url: str | None) -> Grant:
    def filled(text: str) -> str:
        return put_secrets(text, slots, secrets)

    named = references(auth.refresh_token)
    return Grant(
        kind=auth.grant,
        token_url=page_url(base_url or "", fill_url(auth.token_url, slots), (), Ask()),
        client_id=filled(auth.client_id),
        client_secret=filled(auth.client_secret),
        refresh_token=filled(auth.refresh_token),
        refresh_name=fill(named[0], slots) if named else "",
        scope=filled(auth.scope),
        audience=filled(auth.audience),
        send=auth.send,
        leeway_seconds=auth.leeway_seconds,
        fields=tuple((name, filled(text)) for name, text in auth.fields),
        encoding=auth.encoding,
        answer=auth.answer,
        unit=auth.unit,
    )
