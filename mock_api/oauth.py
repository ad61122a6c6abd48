"""OAuth2 as providers do it: `POST oauth/token` gives tokens that live for a moment, `protected/records` wants one.

Both grants: client credentials, and a refresh token that is replaced at each use. The client NAME has the secret
`secret-of-NAME` and the first refresh token `refresh-of-NAME`. The invariant: of a client's refresh tokens only the
newest is good, and the use of an older one revokes all of that client's tokens, the newest ones too.
"""

import json
from base64 import b64decode
from dataclasses import dataclass, field
from hmac import compare_digest
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from mock_api.calls import Call
from mock_api.faultplan import FaultPlan
from mock_api.limits import RateLimits
from mock_api.mishaps import answer_instead, mark_delivery
from mock_api.profiles import Profiles
from mock_api.replies import Reply, error_reply, json_reply

_KEPT_TOKENS = 10_000


@dataclass(slots=True)
class _Client:
    """``access``: tokens with the moments at which they end. ``refresh`` None: all were revoked."""

    refresh: str | None
    access: dict[str, float] = field(default_factory=dict)
    given: int = 0


class OAuth:
    """The two endpoints."""

    def __init__(self, profiles: Profiles, limits: RateLimits, plan: FaultPlan, token_ttl_ms: int) -> None:
        self._profiles = profiles
        self._limits = limits
        self._plan = plan
        self._token_ttl_ms = token_ttl_ms
        self._clients: dict[str, _Client] = {}

    def answer(self, endpoint: str, call: Call) -> Reply:
        """That of one of the two."""
        return self.token(call) if endpoint == "token" else self.records(call)

    def token(self, call: Call) -> Reply:
        """A token, for a client that proves itself in its header or in the form."""
        faults = self._plan.pick("token")
        reply = answer_instead(faults, self._limits, call.moment) or self._given(call)
        mark_delivery(reply, faults)
        return reply

    def records(self, call: Call) -> Reply:
        """A page of the records behind an offset, for a client with a good token, which must be the named `client`."""
        token = (call.fields.get(b"authorization") or "").removeprefix("Bearer ")
        owner = next((name for name, client in self._clients.items() if token in client.access), None)
        if owner is None or self._clients[owner].access[token] <= call.moment.monotonic_ms:
            why = "The access token is invalid." if owner is None else "The access token has expired."
            # As django-oauth-toolkit has it: the header says it, the body does not.
            reply = json_reply({"detail": "Authentication credentials were not provided."}, 401)
            challenge = f'Bearer realm="api",error="invalid_token",error_description="{why}"'
            reply.headers.append(("WWW-Authenticate", challenge))
            return reply
        if call.params.get("client", owner) != owner:
            return error_reply(403, "Forbidden", "The token is another client's", "FORBIDDEN")
        return self._profiles.offset(call)

    def _given(self, call: Call) -> Reply:
        form = _form(call)
        name, secret = _client_of(call, form)
        if not compare_digest(secret.encode(), f"secret-of-{name}".encode()):
            return _refused("invalid_client", 401)
        client = self._clients.setdefault(name, _Client(f"refresh-of-{name}"))
        answer: dict[str, Any] = {}
        match form.get("grant_type"):
            case "client_credentials":
                pass
            case "refresh_token":
                given = form.get("refresh_token", "")
                if client.refresh is None or not compare_digest(given.encode(), client.refresh.encode()):
                    if given.startswith(f"refresh-of-{name}"):
                        client.refresh = None
                        client.access.clear()
                    return _refused("invalid_grant", 400)
                client.refresh = f"refresh-of-{name}-{token_hex(8)}"
                answer["refresh_token"] = client.refresh
            case _:
                return _refused("unsupported_grant_type", 400)
        client.given += 1
        access = f"access-of-{name}-{client.given}-{token_hex(8)}"
        client.access[access] = call.moment.monotonic_ms + self._token_ttl_ms
        while len(client.access) > _KEPT_TOKENS:
            client.access.pop(next(iter(client.access)))
        answer |= {"access_token": access, "token_type": "Bearer", "expires_in": self._token_ttl_ms / 1000}
        return json_reply(answer)


def _refused(error: str, status: int) -> Reply:
    return json_reply({"error": error, "error_description": "The mock says so."}, status)


def _form(call: Call) -> dict[str, str]:
    body = call.upload.content().decode("utf-8", "replace")
    if not call.upload.is_json:
        return dict(parse_qsl(body))
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: text for name, text in given.items() if isinstance(text, str)} if isinstance(given, dict) else {}


def _client_of(call: Call, form: dict[str, str]) -> tuple[str, str]:
    header = call.fields.get(b"authorization") or ""
    if not header.startswith("Basic "):
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
