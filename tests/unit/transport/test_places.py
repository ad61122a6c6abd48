"""Where a request goes, and what the first host on its way is called."""

from __future__ import annotations

import pytest

from datasync_spider.transport.places import Place, way_to


@pytest.mark.parametrize(
    ("url", "place", "name"),
    [
        ("http://api.example/v1/events?limit=5", Place("http", "api.example", 80), "api.example:80"),
        ("https://api.example/v1", Place("https", "api.example", 443), "api.example:443"),
        ("http://API.Example:81/x", Place("http", "api.example", 81), "api.example:81"),
        ("http://api.example", Place("http", "api.example", 80), "api.example:80"),
        ("http://api.example?a=b", Place("http", "api.example", 80), "api.example:80"),
        ("http://[::1]:8080/a?x=http://b/", Place("http", "::1", 8080), "[::1]:8080"),
        ("http://user:secret@api.example/a", Place("http", "api.example", 80), "api.example:80"),
    ],
)
def test_a_url_leads_to_a_place(url: str, place: Place, name: str) -> None:
    way = way_to(url)
    assert (way.place, way.proxy, way.first) == (place, None, name)


@pytest.mark.parametrize("url", ["ftp://api.example/", "http:///a", "api.example/a", "", "http://api.example:99999/"])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        way_to(url)


def test_a_proxy_is_the_first_on_the_way_and_its_password_is_in_no_name() -> None:
    way = way_to("https://api.example/a", "http://user:secret@proxy.example:3128")
    assert way.proxy == Place("http", "proxy.example", 3128)
    assert way.first == "the proxy proxy.example:3128"


@pytest.mark.parametrize("proxy", ["socks5://proxy.example", "https://proxy.example"])
def test_a_proxy_that_cannot_be_used_is_refused(proxy: str) -> None:
    with pytest.raises(ValueError, match="the proxy cannot be used"):
        way_to("https://api.example/a", proxy)
