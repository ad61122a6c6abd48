"""Carries an investigation out: sends what it wants to know, within what the API allows.

Invariant: only the origin that was named is asked, no redirect is followed, and nothing is asked again. An answer that
says to wait ends it where the wait is longer than a person's patience; a 429 or a 403 ends it in any case.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote_plus, urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError, ConnectionTrouble
from datasync_spider.logs.redaction import Redactor
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.investigating import Investigation, NothingFound
from datasync_spider.ops.discovery.url.probe import Seen, Wish, seen
from datasync_spider.ops.discovery.url.target import Target, put
from datasync_spider.pacing.headers import read_asked_wait, read_rate_headers
from datasync_spider.sources.auth import Authorization, authorize
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.secretnames import Wanted, put_secrets, references
from datasync_spider.sources.spec import Auth, BasicAuth, BodyAuth, HeadersAuth, QueryAuth
from datasync_spider.sources.urls import with_parameters
from datasync_spider.transport.apiclient import Answer, ApiClient

LONGEST_WAIT_SECONDS = 10.0
_REFUSING = frozenset({403, 429, 503})
_BASIC = "Basic "


def wanted_secrets(auth: Auth | None) -> list[Wanted]:
    """All that the credential names."""
    match auth:
        case HeadersAuth(headers=texts):
            return [Wanted(name, f"-H {header}", True) for header, text in texts.items() for name in references(text)]
        case BasicAuth(user=user, password=password):
            return [Wanted(name, "-H Authorization", False) for text in (user, password) for name in references(text)]
        case QueryAuth(query=texts):
            return [
                Wanted(name, f"the parameter {key}", False) for key, text in texts.items() for name in references(text)
            ]
        case BodyAuth(body=texts):
            return [Wanted(name, f"--data, {path}", False) for path, text in texts.items() for name in references(text)]
    return []


def with_basic(target: Target, secrets: Mapping[str, str]) -> Target:
    """Of ``Basic secret:NAME``: a secret that is no encoded pair is the user, as keys of some APIs are.

    Raises ConfigurationError for a pair that is not encoded, which no file could split.
    """
    match target.auth:
        case HeadersAuth(headers={"Authorization": text}) if text.startswith(_BASIC):
            name = text.removeprefix(_BASIC).removeprefix("secret:")
            value = secrets.get(name, "")
            if _is_encoded_pair(value):
                return target
            if ":" in value:
                raise ConfigurationError(
                    f"{name} holds a colon, as user and password do: write 'Authorization: Basic"
                    " USER:secret:PASSWORD', or encode the pair in base64"
                )
            return replace(target, auth=BasicAuth(user=f"secret:{name}"))
    return target


def _is_encoded_pair(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False


class Sender(Struct):
    """``say`` gets a line for each request; ``stopped`` is why no more may be made."""

    client: ApiClient
    authorization: Authorization
    body_secrets: Mapping[str, str]
    redactor: Redactor
    say: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    stopped: str | None = None
    rate: dict[str, str] = field(default_factory=dict)
    _wait_seconds: float = 0.0

    def ask(self, wish: Wish) -> Seen | None:
        """None where the API may not be asked any more. Raises ConnectionTrouble."""
        if self.stopped is not None:
            return None
        if self._wait_seconds:
            self.say(f"  waiting {self._wait_seconds:.1f} s, as the API asks")
            self.pause(self._wait_seconds)
        answer = self.client.ask(self._request(wish))
        found = seen(wish, answer.status, answer.header_lists(), answer.body)
        self.say(f"{wish.method} {self.redactor.redact(wish.url)}: status {answer.status}, {answer.seconds:.2f} s")
        self._heed(answer)
        return found

    def _heed(self, answer: Answer) -> None:
        headers = answer.plain_headers()
        asked = read_asked_wait(headers, answer.body, answer.received_at, is_rate_limit=answer.status in _REFUSING)
        if answer.status in _REFUSING:
            wait = f"after {asked.seconds:.0f} s ({asked.source})" if asked else "later: it does not say when"
            self.stopped = f"the API answers with status {answer.status}: ask again {wait}"
            return
        rate = read_rate_headers(headers, answer.received_at)
        if rate.limit is not None or rate.remaining is not None:
            per = f" in {rate.window_seconds:g} s" if rate.window_seconds else ""
            self.rate["limit"] = f"{rate.limit if rate.limit is not None else '?'} requests{per}"
        wait_seconds = asked.seconds if asked is not None else 0.0
        if rate.remaining == 0:
            wait_seconds = max(wait_seconds, rate.reset_after_seconds or LONGEST_WAIT_SECONDS + 1)
        self._wait_seconds = wait_seconds
        if wait_seconds > LONGEST_WAIT_SECONDS:
            self.stopped = f"the API's limit is used up: it may be asked again after {wait_seconds:.0f} s"

    def _request(self, wish: Wish) -> PageRequest:
        url = with_parameters(_without(wish.url, self.authorization.parameters), self.authorization.query)
        if wish.method == "GET":
            return PageRequest("GET", url)
        if wish.form is not None:
            pairs = [*wish.form, *self.body_secrets.items()]
            body = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs)
            return PageRequest(wish.method, url, _TYPES["form"], body.encode())
        if wish.data is None and not self.body_secrets:
            return PageRequest(wish.method, url)
        data = copy.deepcopy(wish.data)
        for path, secret in self.body_secrets.items():
            data = put(data, parse_path(path).steps, secret)
        return PageRequest(wish.method, url, _TYPES["json"], json.dumps(data, ensure_ascii=False).encode())


_TYPES: dict[str, tuple[tuple[str, str], ...]] = {
    "json": (("Content-Type", "application/json"),),
    "form": (("Content-Type", "application/x-www-form-urlencoded"),),
}


def make_sender(
    target: Target,
    secrets: Mapping[str, str],
    client_of: Callable[[str, tuple[tuple[str, str], ...]], ApiClient],
    say: Callable[[str], None],
) -> Sender:
    """``client_of`` makes a client of an address and headers."""
    authorization = authorize(target.auth, {}, secrets, None)
    in_body = target.auth.body if isinstance(target.auth, BodyAuth) else {}
    redactor = Redactor([*secrets.values(), *authorization.secrets])
    for name in authorization.parameters:
        redactor.add_parameter(name)
    headers = (*target.headers.items(), *authorization.headers)
    body = {path: put_secrets(text, {}, secrets) for path, text in in_body.items()}
    return Sender(client_of(target.url, headers), authorization, body, redactor, say)


def carry_out(investigation: Investigation, sender: Sender) -> Findings:
    """Raises NothingFound, and ConnectionTrouble where not even the first answer came."""
    try:
        found = _carried_out(investigation, sender)
    except NothingFound as error:
        why = f"{error}; {sender.stopped}" if sender.stopped else str(error)
        raise NothingFound(sender.redactor.redact(why)) from error
    found.rate = sender.rate
    if sender.stopped is not None:
        found.doubt("", f"Not all was tried: {sender.redactor.redact(sender.stopped)}.")
    return found


def _carried_out(investigation: Investigation, sender: Sender) -> Findings:
    try:
        answer = sender.ask(next(investigation))
        while True:
            wish = investigation.send(answer)
            try:
                answer = sender.ask(wish)
            except ConnectionTrouble as error:
                sender.stopped = f"a request had no whole answer: {error}"
                answer = None
    except StopIteration as end:
        found: Findings = end.value
        return found


def _without(url: str, names: frozenset[str]) -> str:
    """A link without the credentials that the API has put into it: they are added anyhow."""
    parts = urlsplit(url)
    if not names or names.isdisjoint(name for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return url
    kept = [pair for pair in parts.query.split("&") if parse_qsl(pair, keep_blank_values=True)[0][0] not in names]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))
