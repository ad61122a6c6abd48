"""Every answer of the server leads to one outcome, and the outcome says what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import (
    ApiRefused,
    CursorExpired,
    DatasyncError,
    OddAnswer,
    PageContradiction,
    PageUnreadable,
    RateLimited,
    RetryableError,
    ServerTrouble,
)
from datasync_spider.records.page import Page
from tests.support.sources import check_answer
from tests.unit.records.pagetexts import LIVE, body, compact

NOW = 1_769_541_612.0


def ask(status: int, text: bytes = b"", **headers: str) -> Page:
    return check_answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


def refused(status: int, text: bytes = b"", **headers: str) -> DatasyncError:
    with pytest.raises(DatasyncError) as caught:
        ask(status, text, **headers)
    return caught.value


def test_a_page_is_given_back() -> None:
    assert ask(200, LIVE).next_cursor == "eyJ"


def test_the_request_id_comes_from_the_header_where_the_page_has_none() -> None:
    assert ask(200, LIVE, x_request_id="header").request_id == "a8b7309c"
    assert ask(200, body(b""), x_request_id="header").request_id == "header"
    assert ask(200, body(b""), x_request_id="odd\n").request_id is None
    assert ask(200, body(b"")).request_id is None


def test_a_200_that_is_no_page_is_unreadable() -> None:
    error = refused(200, b'{"data":[{"id"')
    assert isinstance(error, PageUnreadable)
    assert error.reason == "truncated_json"


def test_a_200_that_is_a_complaint_says_what_it_complains_of() -> None:
    error = refused(200, b'{"message":"try later"}')
    assert isinstance(error, PageUnreadable)
    assert (error.reason, error.detail) == ("no_data_array", "try later")


def test_a_200_of_html_is_named_by_its_title() -> None:
    error = refused(200, b"<!doctype html><title>Just a\nmoment &amp; more</title>" + b"x" * 10_000)
    assert isinstance(error, PageUnreadable)
    assert error.reason == "not_json"
    assert error.detail == "an HTML page of 10054 bytes, titled 'Just a moment & more'"


def test_a_contradiction_stays_one() -> None:
    assert isinstance(refused(200, compact({"data": [], "hasMore": True})), PageContradiction)


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_another_success_is_no_page(status: int) -> None:
    error = refused(status, LIVE)
    assert isinstance(error, PageUnreadable)
    assert error.reason == f"status_{status}"


@pytest.mark.parametrize("status", [408, 425, 500, 501, 502, 503, 504, 520, 599])
def test_a_server_in_trouble_is_asked_again(status: int) -> None:
    error = refused(status, b"<html><title>Bad Gateway</title></html>", content_type="text/html")
    assert isinstance(error, ServerTrouble)
    assert error.reason == f"status_{status}"
    assert error.detail == "an HTML page of 39 bytes, titled 'Bad Gateway'"


def test_a_429_is_reported_without_its_wait() -> None:
    error = refused(429, b'{"error":"Too Many Requests","code":"RATE_LIMIT_EXCEEDED"}', retry_after="51")
    assert isinstance(error, RateLimited)
    assert error.detail == "RATE_LIMIT_EXCEEDED: Too Many Requests"


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (403, b"", {"retry-after": "5"}),
        (403, b"", {"retry-after": "soon"}),
        (403, b"<html>no</html>", {"x-ratelimit-remaining": "0"}),
        (403, b"", {"ratelimit-remaining": "5, 0"}),
        (403, b"", {"x-rate-limit-remaining": "0"}),
        (403, b"", {"ratelimit": '"default";r=0;t=28'}),
        (403, b"", {"ratelimit": "limit=10, remaining=0, reset=28"}),
        (403, b'{"message":"API rate limit exceeded for you"}', {}),
        (403, b'{"error":{"code":"userRateLimitExceeded","message":"no"}}', {}),
        (430, b"<html><title>Too Many Requests</title></html>", {}),
        (420, b"", {"retry-after": "1"}),
        (400, b'{"code":"THROTTLING"}', {}),
        (422, b'{"code":"RATE_LIMIT_EXCEEDED"}', {}),
    ],
)
def test_a_refusal_that_says_so_is_a_rate_limit_without_429(status: int, text: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(RateLimited) as caught:
        check_answer(status, headers, text)
    assert caught.value.detail.startswith(f"status_{status}")


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (403, b'{"error":"Forbidden"}', {}),
        (430, b"", {}),
        (403, b"", {"x-ratelimit-remaining": "10"}),
        (403, b"", {"ratelimit": '"default";r=05;t=28', "x-ratelimit-limit": "0"}),
        (403, b"", {"retry-after": " "}),
        (401, b'{"code":"RATE_LIMITED"}', {"retry-after": "5"}),
        (404, b'{"message":"there is no rate limit here"}', {"x-ratelimit-remaining": "0", "retry-after": "5"}),
    ],
)
def test_any_other_refusal_stays_one(status: int, text: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ApiRefused):
        check_answer(status, headers, text)


def test_an_expired_cursor_is_one_even_where_nothing_remains() -> None:
    error = refused(400, b'{"code":"CURSOR_EXPIRED"}', x_ratelimit_remaining="0", retry_after="5")
    assert isinstance(error, CursorExpired)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, b'{"error":"Bad Request","message":"Cursor expired 3 minute(s) ago","code":"CURSOR_EXPIRED"}'),
        (400, b'{"code":"cursor_expired"}'),
        (400, b'{"message":"The cursor has EXPIRED"}'),
        (400, b'{"error":{"code":"CURSOR_EXPIRED","message":"gone"}}'),
        (400, b"your cursor is expired"),
        (410, b'{"code":"CURSOR_EXPIRED"}'),
        (410, b""),
        (410, b"<html>Gone</html>"),
    ],
)
def test_an_expired_cursor_is_known_by_code_status_or_words(status: int, text: bytes) -> None:
    assert isinstance(refused(status, text), CursorExpired)


@pytest.mark.parametrize(
    ("status", "text", "code", "message"),
    [
        (
            401,
            b'{"error":"Unauthorized","message":"Invalid API key","code":"UNAUTHORIZED"}',
            "UNAUTHORIZED",
            "Invalid API key",
        ),
        (403, b'{"error":"Forbidden"}', None, "Forbidden"),
        (400, b'{"code":"CURSOR_INVALID","message":"Malformed cursor"}', "CURSOR_INVALID", "Malformed cursor"),
        (400, b'{"code":"LIMIT_INVALID","message":"the key has expired"}', "LIMIT_INVALID", "the key has expired"),
        (401, b'{"code":"KEY_EXPIRED","message":"cursor and key expired"}', "KEY_EXPIRED", "cursor and key expired"),
        (404, b'{"error":{"code":404,"message":"no such route"}}', "404", "no such route"),
        (400, b'{"code":true,"message":["a"],"error":null}', None, '{"code":true,"message":["a"],"error":null}'),
        (404, b"", None, None),
        (407, b"denied", None, "a proxy on the way wants a user and a password; see http_proxy"),
        (404, b"[1]", None, "[1]"),
        (404, b'"just text"', None, "just text"),
        (404, b"not found\r\n\x1b[31m", None, "not found \ufffd[31m"),
        (404, b"caf\xe9", None, "caf\ufffd"),
        (404, b"  <HTML><body>x", None, "an HTML page of 15 bytes"),
        (422, b"\xef\xbb\xbf" + b'{"message":"' + b"x" * 400 + b'"}', None, "x" * 299 + "…"),
        (400, b"[" * 100_000, None, "[" * 299 + "…"),
    ],
)
def test_a_refusal_carries_the_servers_own_words(
    status: int, text: bytes, code: str | None, message: str | None
) -> None:
    error = refused(status, text)
    assert isinstance(error, ApiRefused)
    assert (error.status, error.code, error.message) == (status, code, message)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_says_so(status: int) -> None:
    error = refused(status, location="https://user:secret@www.example.com/login?token=t")
    assert isinstance(error, ApiRefused)
    assert "redirects are not followed" in str(error)
    assert "https://www.example.com:443" in str(error)
    assert "secret" not in str(error)
    assert "token" not in str(error)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://user:secret@www.example.com/api/v2/events?token=t#f", "https://www.example.com:443/api/v2/events"),
        ("http://www.example.com", "http://www.example.com:80"),
        ("https://www.example.com/a b/\u00e4?x=secret token", "https://www.example.com:443/a%20b/%C3%A4"),
        ("https://www.example.com/a;jsessionid=secret/b", "https://www.example.com:443/a/b"),
        ("/api/v1/events/?limit=10&token=t", "/api/v1/events/"),
        ("/login#token", "/login"),
        ("../v2/events?token=t", "../v2/events"),
        ("events/", "events/"),
        ("//user:secret@other.example:8443/events?token=t", "//other.example:8443/events"),
        ("/" + "x" * 400, "/" + "x" * 298 + "…"),
    ],
)
def test_a_redirect_says_where_it_leads_without_what_may_be_secret(location: str, place: str) -> None:
    error = str(refused(302, location=location))
    assert error.endswith(f"(this one leads to {place})")
    assert "secret" not in error
    assert "token" not in error


@pytest.mark.parametrize(
    "location", ["", "?token=t", "javascript:secret", "user:secret@host/x", "/\\user:secret@host/x", "https://[/secret"]
)
def test_a_redirect_to_nowhere_certain_is_reported_without_it(location: str) -> None:
    assert str(refused(302, location=location)).endswith("check the base URL")


@pytest.mark.parametrize("status", [304, 421])
def test_an_answer_beside_the_point_is_asked_for_again_before_it_is_a_refusal(status: int) -> None:
    error = refused(status, b'{"code":"ODD","message":"not here"}')
    assert isinstance(error, OddAnswer)
    assert error.reason == f"status_{status}"
    assert isinstance(error.final, ApiRefused)
    assert (error.final.status, error.final.code) == (status, "ODD")
    assert "not here" in str(error.final)
    assert "twice in a row" in str(error.final)


def test_a_page_that_is_too_large_for_the_api_names_the_page_limit() -> None:
    assert "API_PAGE_LIMIT" in str(refused(413, b'{"message":"too large"}'))


@given(st.integers(100, 999).filter(lambda status: status != 200), st.binary(max_size=60), st.text(max_size=20))
def test_no_other_status_is_ever_a_page_and_every_one_has_an_outcome(
    status: int, text: bytes, content_type: str
) -> None:
    error = refused(status, text, content_type=content_type)
    assert isinstance(error, RetryableError | CursorExpired | ApiRefused)
    assert len(str(error)) < 1_000
    assert str(error).isprintable()
