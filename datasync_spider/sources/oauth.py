"""OAuth2 without the wire: what a token is asked for with, and what the answer to that means. Pure.

Invariant: no error raised here holds a secret, also where the provider repeats one. Which origin is asked is said by
the source's file alone, and no answer can change it.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl, quote_plus, urlencode

from datasync_spider.errors import DatasyncError, PageUnreadable, RateLimited, ServerTrouble, TokenRefused
from datasync_spider.observe.reasons import NO_TOKEN, status_reason
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Pairs
from datasync_spider.sources.urls import origin

# A token that lives for seconds only must be used for most of them.
_PART_OF_A_LIFE = 0.25
_LONGEST_LIFE_SECONDS = 10 * 366 * 86_400.0
_SHOWN_CHARACTERS = 300
_KEPT = 16
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_OF_A_CLIENT = "check client_id, the secret that client_secret names, and send, which is basic or form"
_ADVICE = {
    "invalid_client": _OF_A_CLIENT,
    "unauthorized_client": "the provider lets this client have no such token: ask who has registered it",
    "unsupported_grant_type": "the provider gives no token in this way: another type of auth may be wanted",
    "invalid_scope": "check scope",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """How tokens are had, with secrets and slots filled in.

    ``refresh_token``: the first one, of the secret ``refresh_name``; both are empty for client credentials.
    """

    kind: Literal["client-credentials", "refresh"]
    token_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    refresh_name: str = ""
    scope: str = ""
    audience: str = ""
    send: Literal["basic", "form"] = "basic"
    leeway_seconds: float = 60.0
    fields: Pairs = field(default=(), repr=False)
    encoding: Literal["form", "json"] = "form"
    answer: Mapping[str, Path] = field(default_factory=dict)
    unit: Literal["s", "ms"] = "s"

    @property
    def key(self) -> str:
        """What stands for the credential, whichever token it has at the moment."""
        return json.dumps([self.client_id, self.refresh_token or self.client_secret])

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed."""
        given = [self.client_secret, self.refresh_token, *(text for _, text in self.fields)]
        return tuple(filter(None, [*given, self._basic if self.client_secret else ""]))

    @property
    def _basic(self) -> str:
        # Both are written as in a form, since a colon stands between them (RFC 6749, 2.3.1).
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return base64.b64encode(pair.encode()).decode()

    def asks(self, refresh_token: str | None) -> tuple[Pairs, bytes]:
        """Headers and body of the POST that asks for a token."""
        kind = "refresh_token" if refresh_token is not None else "client_credentials"
        form = {"grant_type": kind, "refresh_token": refresh_token, "scope": self.scope, "audience": self.audience}
        headers: list[tuple[str, str]] = [("Accept", "application/json")]
        if self.client_secret and self.send == "basic":
            headers.append(("Authorization", f"Basic {self._basic}"))
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        given = {name: text for name, text in form.items() if text} | dict(self.fields)
        if self.encoding == "json":
            return (*headers, ("Content-Type", "application/json")), json.dumps(given).encode()
        return (*headers, ("Content-Type", "application/x-www-form-urlencoded")), urlencode(given).encode()


@dataclass(frozen=True, slots=True)
class Token:
    """``lifetime_seconds`` None: it is good until it is refused. ``refresh_token`` None: the used one stays."""

    access_token: str = field(repr=False)
    lifetime_seconds: float | None = None
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class HeldToken:
    """A token in use. ``ends_at`` is of a monotonic clock, None where its end is not known. One is equal to itself."""

    access_token: str = field(repr=False)
    ends_at: float | None = None
    lifetime_seconds: float | None = None

    def is_good(self, now: float, leeway_seconds: float) -> bool:
        """Whether it will live for long enough to be sent."""
        return self.ends_at is None or now < self.ends_at - shortened(leeway_seconds, self.lifetime_seconds)


class TokenCache:
    """The tokens of one process, by what stands for their credential. All slices of a stream share one."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], HeldToken] = {}
        self._seen: deque[str] = deque(maxlen=_KEPT)

    def find(self, grant: Grant) -> HeldToken | None:
        return self._held.get((grant.token_url, grant.key))

    def put(self, grant: Grant, token: HeldToken) -> None:
        self._held[grant.token_url, grant.key] = token

    def seen(self, *tokens: str) -> None:
        """Texts that must not be printed any more, the last few of them."""
        self._seen.extend(tokens)

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self._seen)


def shortened(leeway_seconds: float, lifetime_seconds: float | None) -> float:
    """The leeway of a token of this life."""
    return leeway_seconds if lifetime_seconds is None else min(leeway_seconds, lifetime_seconds * _PART_OF_A_LIFE)


def read_token(grant: Grant, status: int, content_type: str, body: bytes, used: str | None) -> Token:
    """The token of an answer; ``used``: the refresh token that was sent.

    Raises TokenRefused where no repetition helps; else RateLimited, ServerTrouble or PageUnreadable.
    """
    answer = _members(content_type, body)
    error = _complaint(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(_clean(grant, used, error))
    if status >= 500 or status in _TRY_AGAIN:
        raise ServerTrouble(status_reason(status), _clean(grant, used, error))
    if 300 <= status < 400:
        raise _refused(grant, used, status, "a redirect, which is not followed with a secret", "correct token_url")
    if status >= 400:
        raise _refused(grant, used, status, error or "no reason given", _advice(grant, answer))
    if answer is None:
        raise PageUnreadable(NO_TOKEN, "the answer is neither a JSON object nor a form")
    access = _found(grant, answer, "access_token")
    if not isinstance(access, str) or not access:
        if error:
            # Some say so with a status of success.
            raise _refused(grant, used, status, error, _advice(grant, answer))
        raise PageUnreadable(NO_TOKEN, "the answer has no access_token")
    if not access.isascii() or not access.isprintable() or " " in access:
        raise PageUnreadable(NO_TOKEN, "the access token is nothing that a header can carry")
    kind = answer.get("token_type", "bearer")
    if isinstance(kind, str) and kind.lower() not in {"bearer", ""}:
        raise _refused(grant, used, status, f"the token is of type {kind}", "only bearer tokens are understood")
    refresh = _found(grant, answer, "refresh_token")
    return Token(
        access,
        _lifetime(grant, _found(grant, answer, "expires_in")),
        refresh if isinstance(refresh, str) and refresh else None,
    )


def _members(content_type: str, body: bytes) -> dict[str, Any] | None:
    """The answer's members, be it JSON or a form; None where it is neither."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        if "html" in content_type or b"=" not in body:
            return None
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    return read if isinstance(read, dict) else None


def _complaint(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return ""
    # The latter of each pair are Matrix's, and those of many others.
    said, first = answer, answer.get("error") or answer.get("errcode") or ""
    if isinstance(first, dict):
        said, first = first, first.get("code") or first.get("status") or ""
    second = said.get("error_description") or said.get("message") or ""
    return ": ".join(str(text) for text in (first, second) if isinstance(text, str | int) and text)


def _advice(grant: Grant, answer: dict[str, Any] | None) -> str:
    code = "" if answer is None else str(answer.get("error", ""))
    if code in _ADVICE:
        return _ADVICE[code]
    if grant.kind == "refresh":
        return (
            "the refresh token has been used before, was revoked, or its life is over; that is so as well where a"
            " process was killed after the provider's answer and before the new one was stored. Get a new refresh"
            f" token from the provider, and put it where {grant.refresh_name or 'refresh_token'} is"
        )
    return _OF_A_CLIENT


def _refused(grant: Grant, used: str | None, status: int, why: str, advice: str) -> DatasyncError:
    return TokenRefused(
        f"{origin(grant.token_url)} gives no token: status {status}, {_clean(grant, used, why)}; {advice}"
    )


def _clean(grant: Grant, used: str | None, text: str) -> str:
    for secret in (*grant.secrets, used or ""):
        if secret:
            text = text.replace(secret, "***")
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _found(grant: Grant, answer: dict[str, Any], name: str) -> Any:
    path = grant.answer.get(name)
    return answer.get(name) if path is None else path.read(answer)


def _lifetime(grant: Grant, given: Any) -> float | None:
    """In seconds; None where the answer says nothing of use."""
    try:
        seconds = float(given) / (1000 if grant.unit == "ms" else 1)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, _LONGEST_LIFE_SECONDS) if seconds > 0 else None
