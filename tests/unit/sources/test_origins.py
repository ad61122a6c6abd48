"""Which URLs are an API's own: an origin is certain, or it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.sources.urls import origin, same_origin

BASE = "https://api.example.com/api/v1"


@pytest.mark.parametrize(
    ("url", "reported"),
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
def test_an_origin_is_written_in_one_way_only(url: str, reported: str) -> None:
    assert origin(url) == reported


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
