"""Bodies, tokens and classes as a file names them: read, written back, filled in, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.sources.auth import authorize
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.requests import page_request
from datasync_spider.sources.secretnames import secret_places, secrets_of
from datasync_spider.sources.spec import BodyAuth, FormBody, JsonBody, OAuth2, PythonAuth, Source

FILE = """
[source]
name = "shop"
base_url = "{base}"
auth = {auth}
[streams.orders]
url = "/orders"
records = "data"
id = "id"
order = "newest-first"
next = {{ from = "body:next", to = "query:c" }}
end = ["no-next"]
slices = [{{ shop = "a" }}]
"""
CLIENT = (
    '{ type = "oauth2-client-credentials", token_url = "/oauth/token", client_id = "{slice.shop}", scope = "r w",'
    ' client_secret = "secret:S_{slice.shop}", audience = "api", send = "form", leeway = "2m", encoding = "json",'
    ' fields = { resource = "x", api_key = "secret:K" },'
    ' answer = { access_token = "data.token", expires_in = "data.ms", unit = "ms" } }'
)
REFRESH = '{ type = "oauth2-refresh", token_url = "https://id.example/t", refresh_token = "secret:R_{slice.shop}" }'
CLASS = '{ type = "python:some.auth:Signer", secrets = { key = "secret:K", id = "secret:I_{slice.shop}" } }'
SECRETS = {"S_a": "s-of-a", "R_a": "r-of-a", "K": "k", "I_a": "i"}


def source(auth: str, base: str = "https://api.example.com/v1") -> Source:
    return read_source(FILE.format(base=base, auth=auth), "shop.toml")


def mistake(auth: str, base: str = "https://api.example.com/v1") -> str:
    with pytest.raises(SourceRefused) as caught:
        source(auth, base)
    return "\n".join(caught.value.mistakes)


def test_a_client_with_all_that_can_be_said_of_it() -> None:
    read = source(CLIENT)
    assert read.auth == OAuth2(
        grant="client-credentials",
        token_url="/oauth/token",
        client_id="{slice.shop}",
        client_secret="secret:S_{slice.shop}",
        scope="r w",
        audience="api",
        send="form",
        leeway_seconds=120.0,
        fields=(("resource", "x"), ("api_key", "secret:K")),
        encoding="json",
        answer={"access_token": parse_path("data.token"), "expires_in": parse_path("data.ms")},
        unit="ms",
    )
    assert sorted(one.name for one in secrets_of(read, read.streams["orders"], {"slice.shop": "a"})) == ["K", "S_a"]
    grant = authorize(read.auth, {"slice.shop": "a"}, SECRETS, read.base_url).grant
    assert grant is not None
    assert (grant.token_url, grant.client_id, grant.client_secret) == (
        "https://api.example.com/v1/oauth/token",
        "a",
        "s-of-a",
    )
    assert dict(grant.fields) == {"resource": "x", "api_key": "k"}
    assert secret_places(read).headers == {"Authorization"}


def test_a_refresh_token_at_another_origin_is_named_for_people() -> None:
    grant = authorize(source(REFRESH).auth, {"slice.shop": "a"}, SECRETS, "https://api.example.com").grant
    assert grant is not None
    assert (grant.token_url, grant.refresh_token, grant.refresh_name) == ("https://id.example/t", "r-of-a", "R_a")
    assert grant.leeway_seconds == 60.0


@pytest.mark.parametrize("auth", [CLIENT, REFRESH, CLASS, '{ type = "none" }'])
def test_what_a_file_says_can_be_said_in_python(auth: str) -> None:
    read = source(auth)
    assert checked(read, "here") == read
    assert "s-of-a" not in repr(authorize(None, {}, {}, None))


@pytest.mark.parametrize(
    ("auth", "why"),
    [
        ('{ type = "oauth2-client-credentials" }', "auth.token_url is missing"),
        ('{ type = "oauth2-client-credentials", token_url = "/t" }', "auth.client_secret is missing"),
        ('{ type = "oauth2-refresh", token_url = "/t" }', "auth.refresh_token is missing"),
        ('{ type = "oauth2-refresh", token_url = "/t", refresh_token = "hunter2" }', "belongs into no file"),
        (REFRESH.replace(" }", ', audience = "x" }'), "auth.audience is no key of this table"),
        (REFRESH.replace("https:", "http:"), "the secret would travel unencrypted"),
        (REFRESH.replace("https://id.example/t", "/t#x"), "auth.token_url is"),
        (REFRESH.replace(" }", ', fields = { grant_type = "x" } }'), "a field that auth has a key for"),
        (REFRESH.replace(" }", ', fields = { api_key = "hunter2" } }'), "belongs into no file"),
        (REFRESH.replace(" }", ', fields = ["hunter2"] }'), "auth.fields is ***"),
        (REFRESH.replace(" }", ', client_id = "{slice.none}" }'), "holds {slice.none}"),
        (REFRESH.replace(" }", ', leeway = "soon" }'), "no duration"),
        (REFRESH.replace(" }", ', answer = { unit = "h" } }'), "auth.answer.unit is"),
        ('{ type = "oauth2" }', "auth.type is"),
        ('{ type = "python:some.auth" }', "no place of a class"),
        (CLASS.replace("secret:K", "hunter2"), "auth.secrets.key is ***"),
        ('{ type = "body", body = { "a[0]" = "secret:K" } }', "leads to an element of a list"),
        ('{ type = "body", body = { "a..b" = "secret:K" } }', "is no path"),
        ('{ type = "body", body = { k = "hunter2" } }', "auth.body.k is ***"),
        ('{ type = "body" }', "auth.body is missing or empty"),
        ('{ type = "body", body = { k = "secret:K" } }', "auth goes into the body; allowed: POST"),
    ],
)
def test_what_cannot_work_is_refused_and_no_secret_shown(auth: str, why: str) -> None:
    text = mistake(auth)
    assert why in text
    assert "hunter2" not in text


def test_a_header_of_the_source_cannot_be_that_of_the_token() -> None:
    text = FILE.format(base="https://api.example.com", auth=REFRESH)
    with pytest.raises(SourceRefused, match="auth sets, too"):
        read_source(text.replace('name = "shop"', 'name = "shop"\nheaders = { Authorization = "secret:K" }'), "f")


def request(auth: BodyAuth, body: Any, ask: Ask) -> Any:
    stream = replace(source('{ type = "none" }').streams["orders"], method="POST", body=body)
    return page_request(stream, "https://a.example", ask, {}, authorize(auth, {}, SECRETS, None))


def test_a_secret_travels_in_the_body_be_it_json_or_a_form_and_never_in_the_url() -> None:
    asked = request(BodyAuth(body={"auth.key": "secret:K"}), JsonBody(value={"q": 1}), Ask(query=(("c", "x"),)))
    assert json.loads(asked.body) == {"q": 1, "auth": {"key": "k"}}
    assert asked.url == "https://a.example/orders?c=x"
    assert "'k'" not in repr(asked)
    asked = request(BodyAuth(body={"key": "Token secret:K"}), FormBody(fields=(("q", "1"),)), Ask())
    assert asked.body == b"q=1&key=Token+k"
    authorization = authorize(BodyAuth(body={"key": "Token secret:K"}), {}, SECRETS, None)
    assert (authorization.key, authorization.secrets) == ("Token k", ("Token k",))


def test_a_link_cannot_carry_a_credential_that_travels_in_the_body() -> None:
    text = FILE.format(base="https://a.example", auth='{ type = "body", body = { k = "secret:K" } }')
    with pytest.raises(SourceRefused, match="asked by GET and without a body"):
        read_source(text.replace('to = "query:c"', 'to = "url"'), "f")


def test_a_class_is_looked_for_when_a_plan_is_made_and_not_when_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = PythonAuth(place="shopauth_of_a_test:Signer", secrets={"key": "secret:K"})
    with pytest.raises(ConfigurationError, match="there is no module shopauth_of_a_test"):
        authorize(auth, {}, SECRETS, None)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shopauth_of_a_test.py").write_text(
        "class Signer:\n"
        "    parameters = ['sig']\n"
        "    def __init__(self, secrets): self.key = secrets['key']\n"
        "    def query(self, method, url, body): return {'sig': self.key + method}\n"
        "class Neither:\n"
        "    def __init__(self, secrets): pass\n"
    )
    authorization = authorize(auth, {}, SECRETS, None)
    assert authorization.signer is not None
    assert authorization.signer.sign("GET", "https://a.example/x?y=1", b"") == ("https://a.example/x?y=1&sig=kGET", ())
    assert authorization.parameters == {"sig"}
    assert authorization.key == "key: k"
    with pytest.raises(ConfigurationError, match="neither a method headers nor query"):
        authorize(replace(auth, place="shopauth_of_a_test:Neither"), {}, SECRETS, None)
