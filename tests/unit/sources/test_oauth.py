"""What a token is asked for with, and what answers mean: good ones in all forms, and refusals without a secret."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from datasync_spider.errors import DatasyncError, PageUnreadable, RateLimited, ServerTrouble, TokenRefused
from datasync_spider.sources.oauth import Grant, HeldToken, TokenCache, read_token
from datasync_spider.sources.paths import parse_path

CLIENT = Grant("client-credentials", "https://id.example/token", client_id="a:b", client_secret="s+ec/ret", scope="x y")
REFRESH = Grant("refresh", "https://id.example/token", client_id="a", refresh_token="first-4711", refresh_name="SHOP_R")


def form(grant: Grant, used: str | None = None) -> tuple[dict[str, str], dict[str, str]]:
    headers, body = grant.asks(used)
    return dict(headers), {name: texts[0] for name, texts in parse_qs(body.decode()).items()}


def test_a_client_is_named_in_the_header_each_part_as_in_a_form() -> None:
    headers, given = form(CLIENT)
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"a%3Ab:s%2Bec%2Fret"
    assert given == {"grant_type": "client_credentials", "scope": "x y"}


def test_a_client_is_named_among_the_fields_where_that_is_said_or_it_has_no_secret() -> None:
    headers, given = form(replace(CLIENT, send="form", audience="api", fields=(("resource", "r"),)))
    assert "Authorization" not in headers
    assert given == {
        "grant_type": "client_credentials",
        "client_id": "a:b",
        "client_secret": "s+ec/ret",
        "scope": "x y",
        "audience": "api",
        "resource": "r",
    }
    headers, given = form(REFRESH, "second")
    assert "Authorization" not in headers
    assert given == {"grant_type": "refresh_token", "refresh_token": "second", "client_id": "a"}


def test_json_has_the_same_members() -> None:
    headers, body = replace(REFRESH, encoding="json").asks("second")
    assert dict(headers)["Content-Type"] == "application/json"
    assert json.loads(body) == {"grant_type": "refresh_token", "refresh_token": "second", "client_id": "a"}


@pytest.mark.parametrize(
    ("answer", "lifetime"),
    [
        ({"access_token": "t", "expires_in": 3600}, 3600.0),
        ({"access_token": "t", "expires_in": "3600"}, 3600.0),
        ({"access_token": "t", "expires_in": 0.5, "token_type": "BEARER"}, 0.5),
        ({"access_token": "t"}, None),
        ({"access_token": "t", "expires_in": None}, None),
        ({"access_token": "t", "expires_in": 0}, None),
        ({"access_token": "t", "expires_in": "soon"}, None),
        ({"access_token": "t", "expires_in": float("inf")}, 10 * 366 * 86_400.0),
    ],
)
def test_a_token_lives_as_long_as_is_said_or_until_it_is_refused(answer: Any, lifetime: float | None) -> None:
    token = read_token(CLIENT, 200, "application/json", json.dumps(answer).encode(), None)
    assert (token.access_token, token.refresh_token) == ("t", None)
    assert token.lifetime_seconds == lifetime


def test_a_form_and_other_names_are_understood() -> None:
    token = read_token(CLIENT, 200, "text/plain", b"access_token=t%2B1&expires_in=60&scope=", None)
    assert (token.access_token, token.lifetime_seconds) == ("t+1", 60.0)
    names = {"access_token": "d.at", "refresh_token": "d.rt", "expires_in": "d.ms"}
    other = replace(REFRESH, answer={name: parse_path(path) for name, path in names.items()}, unit="ms")
    body = json.dumps({"ok": True, "d": {"at": "t", "rt": "r2", "ms": 1500}}).encode()
    token = read_token(other, 200, "application/json", body, "r1")
    assert (token.access_token, token.refresh_token, token.lifetime_seconds) == ("t", "r2", 1.5)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"error":"invalid_grant"}', TokenRefused, "put it where SHOP_R is"),
        (401, b'{"error":"invalid_client","error_description":"no"}', TokenRefused, "invalid_client: no; check client"),
        (400, b'{"error":"invalid_scope"}', TokenRefused, "check scope"),
        (403, b'{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}', TokenRefused, "gone"),
        (400, b'{"error":{"code":"bad","message":"mine"}}', TokenRefused, "bad: mine"),
        (200, b'{"ok":false,"error":"invalid_refresh_token"}', TokenRefused, "invalid_refresh_token"),
        (404, b"<html>no", TokenRefused, "no reason given"),
        (302, b"", TokenRefused, "correct token_url"),
        (200, b'{"access_token":"t","token_type":"mac"}', TokenRefused, "type mac"),
        (429, b"{}", RateLimited, ""),
        (503, b"<html>", ServerTrouble, "status_503"),
        (408, b"", ServerTrouble, "status_408"),
        (200, b"<html>", PageUnreadable, "no_token"),
        (200, b"[]", PageUnreadable, "no_token"),
        (200, b"{}", PageUnreadable, "no_token"),
        (200, b'{"access_token":"a b"}', PageUnreadable, "no_token"),
        (200, b'{"access_token":7}', PageUnreadable, "no_token"),
    ],
)
def test_what_no_repetition_mends_ends_it_and_says_what_to_do(
    status: int, body: bytes, kind: type[DatasyncError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        read_token(REFRESH, status, "application/json", body, "first-4711")
    assert words in str(caught.value)


def test_no_secret_is_in_an_error_that_repeats_it() -> None:
    said = "bad: s+ec/ret, second-4711 and first-4711\n"
    for grant, used in ((CLIENT, None), (replace(REFRESH, client_secret="s+ec/ret"), "second-4711")):
        body = json.dumps({"error": "invalid_grant", "error_description": said}).encode()
        with pytest.raises(TokenRefused) as caught:
            read_token(grant, 400, "application/json", body, used)
        text = str(caught.value)
        assert "s+ec/ret" not in text
        assert "\n" not in text
        assert used is None or used not in text
    assert "4711" not in repr(REFRESH)


def test_the_credential_is_not_its_token() -> None:
    assert CLIENT.key != replace(CLIENT, client_secret="other").key
    assert REFRESH.key == replace(REFRESH, client_secret="changed").key
    assert REFRESH.key != replace(REFRESH, refresh_token="another").key


@pytest.mark.parametrize(("now", "is_good"), [(3539.0, True), (3541.0, False), (3601.0, False)])
def test_a_token_is_renewed_before_its_end(now: float, is_good: bool) -> None:
    assert HeldToken("t", 3600.0, 3600.0).is_good(now, 60.0) is is_good


def test_one_that_lives_for_a_second_is_used_for_most_of_it_and_one_without_an_end_for_ever() -> None:
    assert HeldToken("t", 1.0, 1.0).is_good(0.7, 60.0)
    assert not HeldToken("t", 1.0, 1.0).is_good(0.8, 60.0)
    assert HeldToken("t").is_good(1e9, 60.0)


def test_a_book_has_one_token_a_credential_and_hides_the_last_few() -> None:
    book = TokenCache()
    assert book.find(CLIENT) is None
    held = HeldToken("t")
    book.put(CLIENT, held)
    assert book.find(CLIENT) is held
    assert book.find(REFRESH) is None
    book.seen(*(f"token-{n}" for n in range(40)))
    assert len(book.secrets) == 16
    assert book.secrets[-1] == "token-39"
