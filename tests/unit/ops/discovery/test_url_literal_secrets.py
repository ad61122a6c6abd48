"""A credential that is typed where its name belongs is refused before anything is sent, and never shown."""

from __future__ import annotations

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.discovery.url.sourcetext import auth_table
from datasync_spider.ops.discovery.url.target import make_target

URL = "https://api.example.com/v1/things"
SECRET = "4f9a8c7e61d2b3a5c9e8f7a6"


@pytest.mark.parametrize(
    ("url", "headers", "data"),
    [
        (f"{URL}?api_key={SECRET}", [], None),
        (f"{URL}?access_token={SECRET}&limit=5", [], None),
        (f"{URL}?q=ghp_{SECRET}", [], None),
        (f"https://me:{SECRET}@api.example.com/v1", [], None),
        (f"https://api.example.com/bot/sk_live_{SECRET}/things", [], None),
        (URL, [f"Authorization: Bearer {SECRET}"], None),
        (URL, [f"X-API-Key: {SECRET}"], None),
        (URL, [f"Cookie: session={SECRET}"], None),
        (URL, [f"X-Custom: {SECRET}{SECRET}"], None),
        (URL, [f"X-Custom: xoxb-{SECRET}"], None),
        (URL, [f"Authorization: Basic me:{SECRET}:secret:NAME"], None),
        (URL, [f"Authorization: Basic secret:USER:{SECRET}"], None),
        (URL, [], f'{{"auth": {{"password": "{SECRET}"}}}}'),
        (URL, [], f'{{"list": ["ghp_{SECRET}"]}}'),
        (URL, [], f"client_secret={SECRET}&x=1"),
        (URL, [], f'{{"key": "{SECRET}"}}'),
    ],
)
def test_a_literal_is_refused_and_not_shown(url: str, headers: list[str], data: str | None) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_target(url, None, headers, data)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "headers", "data", "auth"),
    [
        (URL, ["Authorization: Bearer secret:TOKEN"], None, {"type": "bearer", "token": "secret:TOKEN"}),
        (URL, ["X-API-Key: secret:KEY"], None, {"type": "headers", "headers": {"X-API-Key": "secret:KEY"}}),
        (f"{URL}?api_key=secret:KEY&a=1", [], None, {"type": "query", "query": {"api_key": "secret:KEY"}}),
        (URL, [], '{"auth": {"key": "secret:KEY"}, "q": 1}', {"type": "body", "body": {"auth.key": "secret:KEY"}}),
        (URL, [], "key=secret:KEY&q=1", {"type": "body", "body": {"key": "secret:KEY"}}),
        (
            URL,
            ["Authorization: Basic me@example.com:secret:PASSWORD"],
            None,
            {"type": "basic", "user": "me@example.com", "password": "secret:PASSWORD"},
        ),
        (URL, ["Authorization: Basic secret:USER:"], None, {"type": "basic", "user": "secret:USER"}),
    ],
)
def test_a_named_one_becomes_the_credential_and_leaves_the_rest(
    url: str, headers: list[str], data: str | None, auth: dict[str, object]
) -> None:
    target = make_target(url, None, headers, data)
    assert target.auth is not None
    assert auth_table(target.auth) == auth
    assert "secret:" not in repr((target.url, target.query, target.headers, target.data, target.form))


def test_headers_that_are_no_credential_are_kept() -> None:
    target = make_target(URL, None, ["Accept: application/vnd.api+json", "Notion-Version: 2022-06-28"], None)
    assert target.headers == {"Accept": "application/vnd.api+json", "Notion-Version": "2022-06-28"}
    assert target.auth is None
