"""What a URL that an API links to becomes: a position without secrets, asked for as it was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageContradiction, PageUnreadable, PositionRefused
from datasync_spider.sources.paginators.link import UrlPaginator
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Next
from datasync_spider.sources.urls import page_url
from tests.unit.sources.pagingapis import answer

NEXT = Next(source="body", to="url", paths=(parse_path("next"), parse_path("links.next")))
LINK = Next(source="link", to="url", name="next")
PAGE = "https://api.example.com/v1/records?page=1"
OTHER = "https://other.example/x"


def position(reference: Any, page: str = PAGE, before: str | None = None, secrets: tuple[str, ...] = ()) -> str | None:
    return UrlPaginator(NEXT, frozenset(secrets)).following(before, answer(page, {"next": reference}))


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        ("https://api.example.com/v1/records?page=2", "/v1/records?page=2"),
        ("https://API.example.com:443/v1/records?page=2", "/v1/records?page=2"),
        ("HTTPS://api.example.com/a", "/a"),
        ("/v1/records?page=2", "/v1/records?page=2"),
        ("?page=2", "/v1/records?page=2"),
        ("records?page=2", "/v1/records?page=2"),
        ("../v2/records", "/v2/records"),
        ("//api.example.com/a", "/a"),
        ("#top", "/v1/records?page=1"),
        ("/a?b=c#top", "/a?b=c"),
        ("https://api.example.com", "/"),
        ("https://api.example.com?page=2", "/?page=2"),
        ("/a?q=%zz&r=+&s=a%2fB&t=\"'()[]{}|&&=?", "/a?q=%zz&r=+&s=a%2fB&t=\"'()[]{}|&&=?"),
        ("/a;b=1/c?", "/a;b=1/c?"),
        ({"href": "/a", "meta": {}}, "/a"),
        ({"href": None}, None),
        (None, None),
        (False, None),
        ("", None),
        (f"{OTHER}?page=2", f"{OTHER}?page=2"),
        ("HTTPS://other.example:443/x?page=2#top", "HTTPS://other.example:443/x?page=2"),
        ("http://api.example.com/a", "http://api.example.com/a"),
        ("https://api.example.com:8443/a", "https://api.example.com:8443/a"),
        # As path and query it would be read as a host.
        ("https://api.example.com//evil.example/a", "https://api.example.com//evil.example/a"),
    ],
)
def test_a_url_becomes_a_position(reference: Any, becomes: str | None) -> None:
    assert position(reference) == becomes


@pytest.mark.parametrize(
    ("position_", "asked"),
    [
        ("/v1/records?page=2", "https://api.example.com/v1/records?page=2"),
        (f"{OTHER}?page=2", f"{OTHER}?page=2"),
        ("HTTPS://other.example/x", "HTTPS://other.example/x"),
    ],
)
def test_a_position_is_asked_for_as_it_is_and_without_the_streams_parameters(position_: str, asked: str) -> None:
    ask = UrlPaginator(NEXT).ask(position_)
    assert page_url("https://api.example.com/v1?tenant=1", "/records", (("limit", "3"),), ask) == asked


def test_every_reference_is_asked_for_again_where_it_leads() -> None:
    for reference in ("https://api.example.com//evil.example/a", "/a/../b", "?x=%2B+&y", "https://api.example.com"):
        stored = position(reference)
        url = page_url("https://api.example.com/v1", "/records", (), UrlPaginator(NEXT).ask(stored))
        assert position(url) == stored
        assert url.startswith("https://api.example.com/")


def test_a_stream_that_has_left_its_origin_stays_where_it_is() -> None:
    there = position(f"{OTHER}?page=2")
    assert position("?page=3", f"{OTHER}?page=2", there) == f"{OTHER}?page=3"
    assert position("/y", f"{OTHER}?page=2", there) == "https://other.example/y"


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        ("/a?key=S&page=2", "/a?page=2"),
        ("/a?page=2&key=S", "/a?page=2"),
        ("/a?key=S", "/a"),
        ("/a?key", "/a"),
        ("/a?page=2&key=S&q=+%2b&key=T&&r", "/a?page=2&q=+%2b&&r"),
        ("/a?k%65y=S&page=2", "/a?page=2"),
        ("/a?api%20key=S&page=2", "/a?page=2"),
        ("/a?api+key=S&page=2", "/a?page=2"),
        ("/a?x+y=S&page=2", "/a?page=2"),
        (f"{OTHER}?key=S&page=2", f"{OTHER}?page=2"),
        ("#top", "/v1/records?page=1"),
        ("/a?keys=1&my_key=2&page=key", "/a?keys=1&my_key=2&page=key"),
    ],
)
def test_secrets_are_taken_out_and_nothing_else(reference: str, becomes: str) -> None:
    assert position(reference, f"{PAGE}&key=S", secrets=("key", "api key", "x+y")) == becomes


@given(st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="&#\\"))))
def test_what_is_no_secret_stays_byte_for_byte(pieces: list[str]) -> None:
    query = "&".join(pieces)
    assert position(f"/a?{query}", secrets=("never there",)) == f"/a?{query}"


@pytest.mark.parametrize(
    "reference",
    [
        "https://user:secret@api.example.com/a",
        "//secret@api.example.com/a",
        "https://secret@other.example/a",
        "ftp://api.example.com/secret",
        "javascript:secret",
        "data:secret",
        "https:secret",
        "https:///secret",
        "https://:80/secret",
        "https://api.example.com:secret/",
        "https://api.example.com:99999/secret",
        "https://[secret/",
        "https://api.example.com\\@evil.example/secret",
        "/a\\secret",
        "/a secret",
        " /secret",
        "/secret\n",
        "\t//[secret",
        "/secret\0",
        "https://a..b/secret",
    ],
)
def test_a_url_that_may_not_be_asked_for_is_refused_without_showing_it(reference: str) -> None:
    with pytest.raises(PageUnreadable) as caught:
        position(reference)
    assert caught.value.reason == "next_url_refused"
    assert "secret" not in str(caught.value)
    # What is shown where the traceback is.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("odd", [5, ["/a"], {"href": 5}, {"href": ["/secret"]}, True, 1.5])
def test_what_is_no_url_is_of_a_wrong_type_and_not_shown(odd: Any) -> None:
    with pytest.raises(PageUnreadable) as caught:
        position(odd)
    assert caught.value.reason == "cursor_wrong_type"
    assert "secret" not in str(caught.value)


def test_places_that_name_two_urls_are_a_contradiction_and_one_url_twice_is_none() -> None:
    paginator = UrlPaginator(NEXT, frozenset({"key"}))
    same = {"next": "?page=2&key=S", "links": {"next": {"href": "https://api.example.com/v1/records?page=2#a"}}}
    assert paginator.following(None, answer(PAGE, same)) == "/v1/records?page=2"
    with pytest.raises(PageContradiction) as caught:
        paginator.following(None, answer(PAGE, {"next": "?page=2", "links": {"next": "?page=3"}}))
    assert caught.value.reason == "two_cursors"


def test_link_headers_are_read_and_resolved() -> None:
    paginator = UrlPaginator(LINK, frozenset({"key"}))
    headers = {"link": ['</v1/records?page=9>; rel="last"', '<?page=2&key=S>; title="a, b"; rel="next"']}
    assert paginator.following(None, answer(PAGE, [], headers)) == "/v1/records?page=2"
    assert paginator.following(None, answer(PAGE, [], {})) is None
    with pytest.raises(PageContradiction):
        paginator.following(None, answer(PAGE, [], {"link": ["<?page=2>; rel=next, <?page=3>; rel=next"]}))


def test_a_header_of_the_apis_own_may_name_the_url() -> None:
    paginator = UrlPaginator(Next(source="header", to="url", name="X-Next-Url"))
    assert paginator.following(None, answer(PAGE, [], {"x-next-url": ["/a"]})) == "/a"
    assert paginator.following(None, answer(PAGE, [], {})) is None


def test_the_first_page_is_the_streams_own() -> None:
    assert UrlPaginator(NEXT).ask(None) == Ask()


def test_user_and_password_of_the_request_do_not_reach_the_position() -> None:
    assert position("?page=2", "https://user:secret@api.example.com/v1/records") == "/v1/records?page=2"
    assert position(OTHER, "https://user:secret@api.example.com/v1/records") == OTHER


@pytest.mark.parametrize(
    "stored", ["eyJpZCI6MX0=", "", "20", "//evil.example/a", "ftp://a/b", "https://u:secret@a/", "/a\\secret", "/a b"]
)
def test_a_stored_position_that_is_no_url_is_refused_without_showing_it(stored: str) -> None:
    with pytest.raises(PositionRefused) as caught:
        UrlPaginator(NEXT).ask(stored)
    assert "secret" not in str(caught.value)
