"""What a person names: a URL, with method, headers and body; and which request that makes.

Invariant: a literal credential is refused without being shown, wherever it stands; what is kept names secrets only.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.discovery.url.names import is_scalar
from datasync_spider.ops.discovery.url.probe import Wish
from datasync_spider.sources.addresses import check_base_url
from datasync_spider.sources.paths import Path
from datasync_spider.sources.secretnames import MARK, is_reference, may_be_secret, references
from datasync_spider.sources.slots import checked_header
from datasync_spider.sources.spec import Auth, BasicAuth, BodyAuth, HeadersAuth, Pairs, QueryAuth
from datasync_spider.sources.urls import with_parameters

METHODS = ("GET", "POST", "PUT", "PATCH")
_NAME_IT = f"put it into the environment, .env or a file that NAME_FILE names, and write {MARK}NAME in its place"
_BY_FORM = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|sk_|rk_|pk_live_|xox[abeprs]-|AKIA|ASIA|AIza|ya29\.|SG\.|shp(?:at|ca|pa|ss)_|pat-|"
    r"dop_v1_|ntn_|secret_|lin_api_|hf_|npm_|key-|eyJ[A-Za-z0-9_-]+\.eyJ)[A-Za-z0-9_.\-]{8,}"
)
_RANDOM = re.compile(r"(?=[^\s]*[0-9])(?=[^\s]*[A-Za-z])[A-Za-z0-9+/_=.\-]{32,}")
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "user-agent", "accept-encoding"})


class Target(Struct, frozen=True):
    """``url`` has no query, ``query`` holds no credential. ``headers`` are those that hold none either."""

    method: str
    url: str
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    data: Any = None
    form: Pairs | None = None

    @property
    def segment(self) -> str:
        """The last part of the path."""
        return urlsplit(self.url).path.rstrip("/").rpartition("/")[2]

    def wish(self, query: Mapping[str, str] | None = None, body: Mapping[Path, Any] | None = None) -> Wish:
        """What asks for it with these parameters and members of the body in place of its own."""
        given = query or {}
        own = tuple((name, text) for name, text in self.query if name not in given)
        url = with_parameters(self.url, (*own, *given.items()))
        if self.form is not None:
            in_form = {str(path): _text(value) for path, value in (body or {}).items()}
            kept = tuple((name, text) for name, text in self.form if name not in in_form)
            return Wish(self.method, url, form=(*kept, *in_form.items()))
        data = copy.deepcopy(self.data)
        for path, value in (body or {}).items():
            data = put(data, path.steps, value)
        return Wish(self.method, url, data)


def put(value: Any, steps: Sequence[str | int], one: Any) -> Any:
    """``value`` with ``one`` at the place, whose objects are made where they are not there."""
    if not steps:
        return one
    held = value if isinstance(value, dict) else {}
    held[steps[0]] = put(held.get(steps[0]), steps[1:], one)
    return held


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def make_target(url: str, method: str | None, headers: Sequence[str], data: str | None) -> Target:
    """Raises ConfigurationError, whose text shows none of the values."""
    place, query, in_query = _read_url(url)
    plain, in_headers = _read_headers(headers)
    target = Target(method or ("GET" if data is None else "POST"), place, query, plain)
    if target.method not in METHODS:
        raise ConfigurationError(f"--method is none of {', '.join(METHODS)}")
    in_body: dict[str, str] = {}
    if data is not None:
        if target.method == "GET":
            raise ConfigurationError("--data goes with --method POST, PUT or PATCH")
        value, form, in_body = _read_data(data)
        target = replace(target, data=value, form=form)
    kinds = [auth for auth in (in_headers, _query_auth(in_query), _body_auth(in_body)) if auth is not None]
    if len(kinds) > 1:
        raise ConfigurationError("secrets stand in more than one of headers, query and data: a source has one of them")
    return replace(target, auth=kinds[0] if kinds else None)


def looks_like_secret(text: str) -> bool:
    """Whether a text has the form of some provider's keys."""
    return _BY_FORM.search(text) is not None


def _read_url(url: str) -> tuple[str, Pairs, dict[str, str]]:
    parts = urlsplit(url)
    place = urlunsplit((parts.scheme, parts.netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~-._"), "", ""))
    try:
        check_base_url(place)
    except ValueError as error:
        raise ConfigurationError(f"the URL is not one that can be asked: {error}") from None
    if looks_like_secret(parts.path):
        raise ConfigurationError("the URL's path holds a literal that looks like a credential: no file may have it")
    plain: list[tuple[str, str]] = []
    secret: dict[str, str] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if _names_secret(text, f"the parameter {name} of the URL"):
            secret[name] = text
        elif (may_be_secret(name) and text) or looks_like_secret(text):
            raise ConfigurationError(f"the parameter {name} of the URL holds a literal credential: {_NAME_IT}")
        else:
            plain.append((name, text))
    return place, tuple(plain), secret


def _names_secret(text: str, place: str) -> bool:
    try:
        return bool(references(text))
    except ValueError as error:
        raise ConfigurationError(f"what stands in {place} cannot be sent: {error}") from None


def _read_headers(headers: Sequence[str]) -> tuple[dict[str, str], Auth | None]:
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for header in headers:
        name, colon, text = header.partition(":")
        name, text = name.strip(), text.strip()
        if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ConfigurationError("-H takes a name, a colon and a text, such as 'Accept: application/json'")
        if name.lower() in _OURS:
            raise ConfigurationError(f"-H {name}: the client sets it by itself")
        try:
            checked_header(text)
        except ValueError as error:
            raise ConfigurationError(f"-H {name}: {error}") from None
        if _names_secret(text, f"-H {name}"):
            secret[name] = text
        elif may_be_secret(name) or looks_like_secret(text) or _RANDOM.fullmatch(text.rpartition(" ")[2]):
            raise ConfigurationError(f"-H {name} holds a literal credential: {_NAME_IT}")
        else:
            plain[name] = text
    return plain, _header_auth(secret)


def _header_auth(secret: dict[str, str]) -> Auth | None:
    if not secret:
        return None
    for name, text in secret.items():
        scheme, _, rest = text.partition(" ")
        literal = rest.replace(MARK, "")
        if name.lower() == "authorization" and scheme.lower() == "basic" and ":" in literal:
            if len(secret) > 1:
                raise ConfigurationError("-H Authorization with user and password goes with no other secret header")
            return _basic(rest)
        if looks_like_secret(text):
            raise ConfigurationError(f"-H {name} holds a literal credential beside a named one: {_NAME_IT}")
    return HeadersAuth(headers=secret)


def _basic(pair: str) -> BasicAuth:
    """Of ``user:secret:PASSWORD``, ``secret:USER:secret:PASSWORD`` or ``secret:USER:``."""
    match = re.fullmatch(r"(?P<user>secret:[A-Za-z_]\w*|[^:]*):(?P<password>secret:[A-Za-z_]\w*)?", pair)
    if match is None:
        raise ConfigurationError(f"-H Authorization: Basic takes USER:PASSWORD, of which the password is {MARK}NAME")
    return BasicAuth(user=match["user"], password=match["password"] or "")


def _query_auth(secret: dict[str, str]) -> Auth | None:
    return QueryAuth(query=secret) if secret else None


def _body_auth(secret: dict[str, str]) -> Auth | None:
    return BodyAuth(body=secret) if secret else None


def _read_data(data: str) -> tuple[Any, Pairs | None, dict[str, str]]:
    """A JSON value or a form's pairs, and what of it names secrets."""
    if data.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise ConfigurationError("--data begins as JSON and is none") from None
        if not isinstance(value, dict):
            raise ConfigurationError("--data is a list: a source's body is an object, or a form")
        secret: dict[str, str] = {}
        return _without_secrets(value, (), secret), None, secret
    pairs = parse_qsl(data, keep_blank_values=True)
    if not pairs:
        raise ConfigurationError("--data is neither JSON nor a form such as name=text&other=text")
    in_form: dict[str, str] = {}
    plain = tuple((name, text) for name, text in pairs if not _takes_out(Path((name,)), text, in_form))
    return None, plain, in_form


def _without_secrets(value: Any, steps: tuple[str, ...], secret: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_secrets(one, (*steps, name), secret)
            for name, one in value.items()
            if isinstance(one, dict | list) or not is_scalar(one) or not _takes_out(Path((*steps, name)), one, secret)
        }
    if isinstance(value, list):
        for one in value:
            if isinstance(one, str):
                _refuse_literal(steps[-1] if steps else "", one)
        return [_without_secrets(one, steps, {}) if isinstance(one, dict | list) else one for one in value]
    return value


def _takes_out(path: Path, value: Any, secret: dict[str, str]) -> bool:
    text, name = str(value), str(path.steps[-1])
    if isinstance(value, str) and _names_secret(text, f"--data, {path}"):
        if not is_reference(text):
            raise ConfigurationError(f"--data, {path}: a secret in a body stands there alone, as {MARK}NAME")
        secret[str(path)] = text
        return True
    if value not in ("", None):
        _refuse_literal(name, text)
    return False


def _refuse_literal(name: str, text: str) -> None:
    if may_be_secret(name) or looks_like_secret(text):
        raise ConfigurationError(f"--data holds a literal credential in {name}: {_NAME_IT}")
