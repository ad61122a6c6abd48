"""An investigation over HTTP: it stays at its origin, within what the API allows, and ends where it is refused."""

from __future__ import annotations

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.investigating import NothingFound, investigate
from datasync_spider.ops.discovery.url.sending import carry_out, make_sender, with_basic
from datasync_spider.ops.discovery.url.target import make_target
from datasync_spider.transport.apiclient import ApiClient
from tests.support.apiserver import ApiServer, serving_api
from tests.support.unknownapis import Asked, Said, records

ALL = records(37, newest_first=True)
KEY = "k-4711-of-some-length"


def tokens(asked: Asked) -> Said:
    start = asked.number("after", 0)
    return Said({"data": ALL[start : start + 10], "next_cursor": str(start + 10) if start + 10 < len(ALL) else None})


def found(server: ApiServer, *headers: str, query: str = "", **secrets: str) -> tuple[Findings, list[str]]:
    """What is found, and the lines that were said."""
    said: list[str] = []
    target = with_basic(make_target(f"{server.url}/v1/things{query}", None, headers, None), secrets)
    sender = make_sender(target, secrets, lambda url, own: ApiClient(url, own, "tests", 10, 10**7), said.append)
    return carry_out(investigate(target), sender), said


@pytest.mark.parametrize(
    ("status", "headers", "reported"),
    [(429, {"Retry-After": "3600"}, "3600 s"), (403, {}, "does not say when"), (503, {"Retry-After": "90"}, "90 s")],
)
def test_a_refusal_ends_it_with_what_is_known_so_far(status: int, headers: dict[str, str], reported: str) -> None:
    def answer(asked: Asked) -> Said:
        return Said({"detail": "no"}, status, headers) if "cursor" in asked.query else tokens(asked)

    with serving_api(answer) as api:
        findings, _ = found(api)
    assert [("cursor" in asked.query) for asked in api.asked] == [False, True], "nothing was asked after the refusal"
    assert not findings.is_tried
    assert findings.next.source == "body:next_cursor"
    assert f"status {status}" in findings.doubts[""][0]
    assert reported in findings.doubts[""][0]
    assert "not proven" in findings.doubts["next"][0]


def test_a_limit_that_is_used_up_ends_it_too() -> None:
    used_up = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}
    with serving_api(lambda asked: Said(tokens(asked).body, headers=used_up)) as api:
        findings, _ = found(api)
    assert len(api.asked) == 1
    assert "limit is used up" in findings.doubts[""][0]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said("<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"}), "no JSON"),
        (Said({"detail": "credentials were not provided"}, 401), "status 401: credentials were not provided"),
        (Said("", 302, {"Location": "/elsewhere"}), "redirects are not followed"),
        (Said({"detail": "later"}, 429, {"Retry-After": "70"}), "after 70 s"),
        (Said({"data": []}), "no list of records"),
        (Said({"error": {"message": "unknown table"}}), "unknown table"),
    ],
)
def test_what_is_no_page_ends_it_at_once_and_says_why(said: Said, why: str) -> None:
    with serving_api(lambda _: said) as api, pytest.raises(NothingFound) as nothing:
        found(api)
    assert why in str(nothing.value)
    assert len(api.asked) == 1


def test_a_next_url_on_another_host_is_not_followed() -> None:
    with serving_api(tokens) as other:
        elsewhere = Said({"data": ALL[:10], "next": f"{other.url}/v1/things?after=10"})
        with serving_api(lambda _: elsewhere) as api:
            findings, _ = found(api, "Authorization: Bearer secret:TOKEN", TOKEN=KEY)
        assert not other.asked
    assert not findings.is_tried


def test_a_secret_parameter_is_sent_once_and_never_said() -> None:
    def answer(asked: Asked) -> Said:
        start = asked.number("after", 0)
        following = f"{asked.url.partition('?')[0]}?after={start + 10}&api_key={asked.query['api_key']}"
        return Said({"data": ALL[start : start + 10], "next": following})

    with serving_api(answer) as api:
        findings, said = found(api, query="?api_key=secret:KEY", KEY=KEY)
    assert findings.is_tried
    assert all(asked.url.count(KEY) == 1 for asked in api.asked)
    assert KEY not in "\n".join(said)


@pytest.mark.parametrize(
    ("header", "secret", "sent"),
    [
        ("Authorization: Basic secret:KEY", "bGFiOnB3", "Basic bGFiOnB3"),
        ("Authorization: Basic secret:KEY", "sk_test_lab", "Basic c2tfdGVzdF9sYWI6"),
        ("Authorization: Basic me:secret:KEY", "pw", "Basic bWU6cHc="),
    ],
)
def test_basic_takes_an_encoded_pair_a_key_or_a_password(header: str, secret: str, sent: str) -> None:
    with serving_api(tokens) as api:
        found(api, header, KEY=secret)
    assert {headers["authorization"] for headers in api.headers} == {sent}


def test_a_pair_that_is_not_encoded_is_refused_without_being_shown() -> None:
    with serving_api(tokens) as api, pytest.raises(ConfigurationError) as refused:
        found(api, "Authorization: Basic secret:KEY", KEY="lab:password-4711")
    assert "password-4711" not in str(refused.value)
    assert not api.asked
