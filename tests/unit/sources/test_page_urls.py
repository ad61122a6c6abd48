"""How a page's URL is made of the source's, the stream's and the position's."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request

from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.urls import page_url

BASE = "https://api.example.com/v1"
OWN = (("limit", "10"), ("state", "all"))
ODD = "/a?b=%zz&c=+&d=a%2fB;e=\"'()[]{}|&&=?"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("base", "url", "ask", "made"),
    [
        (BASE, "/issues", Ask(), f"{BASE}/issues?limit=10&state=all"),
        (f"{BASE}/", "issues", Ask(), f"{BASE}/issues?limit=10&state=all"),
        (f"{BASE}//", "/issues/", Ask(), f"{BASE}/issues/?limit=10&state=all"),
        (f"{BASE}?key=a%20b#top", "/issues", Ask(), f"{BASE}/issues?key=a%20b&limit=10&state=all"),
        (f"{BASE}?key=1", "/issues?a=2#x", Ask(), f"{BASE}/issues?key=1&a=2&limit=10&state=all"),
        (BASE, "", Ask(), f"{BASE}?limit=10&state=all"),
        ("https://api.example.com", "/", Ask(), "https://api.example.com/?limit=10&state=all"),
        (f"{BASE}?key=1", "https://other.example/x?b=1", Ask(), "https://other.example/x?b=1&limit=10&state=all"),
        (BASE, "/issues", Ask(query=(("cursor", "a"),)), f"{BASE}/issues?limit=10&state=all&cursor=a"),
        (BASE, "/issues", Ask(query=(("cursor", "a"),), keep=()), f"{BASE}/issues?cursor=a"),
        (BASE, "/issues", Ask(query=(("cursor", "a"),), keep=("limit", "no")), f"{BASE}/issues?limit=10&cursor=a"),
        (f"{BASE}?key=1", "/issues", Ask(query=(("cursor", ""),), keep=()), f"{BASE}/issues?key=1&cursor="),
        # What the position says comes in place of what the stream says.
        (BASE, "/issues", Ask(query=(("state", "x"), ("state", "y"))), f"{BASE}/issues?limit=10&state=x&state=y"),
        (BASE, "/issues", Ask(url="/v2/issues?page=2"), "https://api.example.com/v2/issues?page=2"),
        (BASE, "/issues", Ask(url=ODD), f"https://api.example.com{ODD}"),
        (BASE, "/issues", Ask(url="/a/../b/./c?"), "https://api.example.com/a/../b/./c?"),
        (BASE, "/issues", Ask(url="?page=2"), f"{BASE}/issues?page=2"),
        (BASE, "/issues", Ask(url="https://other.example:8443/a?b"), "https://other.example:8443/a?b"),
        (BASE, "/issues", Ask(url="//other.example/a"), "https://other.example/a"),
        (BASE, "https://other.example/x", Ask(url="/y?page=2"), "https://other.example/y?page=2"),
        (BASE, "/issues", Ask(url="/ü?q=漢&r=%C3%BC#x"), "https://api.example.com/%C3%BC?q=%E6%BC%A2&r=%C3%BC"),
    ],
)
def test_a_url_is_made_of_its_parts(base: str, url: str, ask: Ask, made: str) -> None:
    assert page_url(base, url, OWN, ask) == made
    # Scrapy leaves such a URL as it is.
    assert Request(made, meta={"verbatim_url": True}).url == made


def test_a_stream_without_parameters_asks_for_its_plain_url() -> None:
    assert page_url(BASE, "/issues", (), Ask()) == f"{BASE}/issues"


@given(st.lists(st.tuples(TEXT, TEXT), max_size=3), TEXT)
def test_every_text_arrives_as_it_is(own: list[tuple[str, str]], cursor: str) -> None:
    url = page_url(BASE, "/issues", tuple(own), Ask(query=(("the cursor", cursor),)))
    wanted = [(name, value) for name, value in own if name != "the cursor"]
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [*wanted, ("the cursor", cursor)]
    assert url.isascii()
    assert "+" not in url


@pytest.mark.parametrize(
    ("base", "made"),
    [
        (BASE, f"{BASE}/events?limit=10"),
        (f"{BASE}/", f"{BASE}/events?limit=10"),
        (f"{BASE}?tenant=a%20b#top", f"{BASE}/events?tenant=a%20b&limit=10"),
        ("http://[::1]:8000/api/v1", "http://[::1]:8000/api/v1/events?limit=10"),
    ],
)
@pytest.mark.parametrize(
    ("cursor", "added"), [(None, ""), ("", "&cursor="), ("a+/= %ü", "&cursor=a%2B%2F%3D%20%25%C3%BC")]
)
def test_a_page_of_events_is_asked_for_as_ever(base: str, made: str, cursor: str | None, added: str) -> None:
    ask = Ask() if cursor is None else Ask(query=(("cursor", cursor),))
    assert page_url(base, "/events", (("limit", "10"),), ask) == made + added
