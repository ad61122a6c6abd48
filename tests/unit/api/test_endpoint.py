"""URLs of the feed, and which URLs are the API's own."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request

from datasync_spider.api.endpoint import events_url, origin, same_origin

BASE = "https://api.example.com/api/v1"


def test_the_head_of_the_feed_has_no_cursor() -> None:
    assert events_url(BASE, 5000) == f"{BASE}/events?limit=5000"


@pytest.mark.parametrize("base", [BASE, BASE + "/", BASE + "//"])
def test_a_slash_at_the_end_of_the_base_does_not_matter(base: str) -> None:
    assert events_url(base, 10, "c", 1769541612369) == f"{BASE}/events?limit=10&cursor=c&until=1769541612369"


def test_a_query_of_the_base_is_kept_and_a_fragment_is_not() -> None:
    assert events_url(f"{BASE}?tenant=a%20b#top", 10) == f"{BASE}/events?tenant=a%20b&limit=10"


def test_an_empty_cursor_is_still_a_cursor() -> None:
    assert events_url(BASE, 10, "") == f"{BASE}/events?limit=10&cursor="


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_cursor_arrives_as_the_text_that_it_is(cursor: str) -> None:
    # Scrapy quotes URLs once more; what is quoted already must come through that.
    url = Request(events_url(BASE, 10, cursor)).url
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [("limit", "10"), ("cursor", cursor)]
    assert "+" not in url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (BASE, "https://api.example.com:443"),
        ("HTTPS://API.Example.COM", "https://api.example.com:443"),
        ("http://api.example.com:80/x?y#z", "http://api.example.com:80"),
        ("http://api.example.com", "http://api.example.com:80"),
        ("http://api.example.com:8080", "http://api.example.com:8080"),
        ("https://user:secret@api.example.com/", "https://api.example.com:443"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/", "http://[::1]:5000"),
        ("http://[::1]", "http://[::1]:80"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example:443"),
        ("https://xn--mnchen-3ya.example/ü", "https://xn--mnchen-3ya.example:443"),
        ("https://api_v1.example.com", "https://api_v1.example.com:443"),
    ],
)
def test_an_origin_is_told_in_one_way_only(url: str, told: str) -> None:
    assert origin(url) == told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "//api.example.com",
        "/api/v1",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:///path",
        "https://",
        "https://:443",
        "https://user:secret@",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://[::1",
        "https://api.example.com\\@evil.example",
        "https://evil.example\\.example.com",
        "https://api.exa\tmple.com",
        "https://api.example.com\n",
        " https://api.example.com",
        "https://api.example.com /",
        "https://a..b",
        "https://" + "x" * 64 + ".example",
    ],
)
def test_a_url_without_one_certain_origin_has_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        origin(url)
    assert "secret" not in str(caught.value)
    assert not same_origin(url, BASE)


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        (f"{BASE}/events?limit=1", True),
        ("https://API.example.com:443/other", True),
        ("https://user:secret@api.example.com", True),
        ("http://api.example.com", False),
        ("https://api.example.com:8443", False),
        ("https://example.com", False),
        ("https://api.example.com.evil.example", False),
        ("https://api.example.com@evil.example", False),
        ("https://evil.example/https://api.example.com", False),
    ],
)
def test_the_same_origin_is_scheme_host_and_port(url: str, is_same: bool) -> None:
    assert same_origin(url, BASE) is is_same


def test_a_base_without_an_origin_is_a_mistake_and_no_answer() -> None:
    with pytest.raises(ValueError, match="http"):
        same_origin(BASE, "api.example.com")


@given(st.text())
def test_no_text_whatever_breaks_the_comparison(url: str) -> None:
    same_origin(url, BASE)
    same_origin("https://" + url, BASE)
