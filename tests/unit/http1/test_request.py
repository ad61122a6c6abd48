"""The bytes of a request, and where it goes."""

from __future__ import annotations

import pytest

from datasync_spider.http1.request import Origin, request_bytes, target_of


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path", "host_header"),
    [
        ("http://api.example/v1/events?limit=5", "http", "api.example", 80, "/v1/events?limit=5", "api.example"),
        ("https://api.example/v1", "https", "api.example", 443, "/v1", "api.example"),
        ("https://api.example:8443/", "https", "api.example", 8443, "/", "api.example:8443"),
        ("http://API.Example:80/x", "http", "api.example", 80, "/x", "api.example"),
        ("http://api.example", "http", "api.example", 80, "/", "api.example"),
        ("http://api.example?a=b", "http", "api.example", 80, "/?a=b", "api.example"),
        ("http://api.example/a#b", "http", "api.example", 80, "/a", "api.example"),
        ("http://[::1]:8080/a?x=http://b/", "http", "::1", 8080, "/a?x=http://b/", "[::1]:8080"),
        ("http://user:secret@api.example/a", "http", "api.example", 80, "/a", "api.example"),
    ],
)
def test_a_url_is_taken_apart(url: str, scheme: str, host: str, port: int, path: str, host_header: str) -> None:
    target = target_of(url)
    assert (target.origin, target.path) == (Origin(scheme, host, port), path)
    assert target.origin.host_header == host_header


@pytest.mark.parametrize("url", ["ftp://api.example/", "http:///a", "api.example/a", "", "http://api.example:99999/"])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        target_of(url)


def test_a_request_says_what_it_takes_and_how_long_it_is() -> None:
    assert request_bytes("GET", "/a", "h", [(b"X-API-Key", b"k")]) == (
        b"GET /a HTTP/1.1\r\nHost: h\r\nX-API-Key: k\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
    )
    assert request_bytes("POST", "/a", "h", [(b"accept-encoding", b"identity")], b"body") == (
        b"POST /a HTTP/1.1\r\nHost: h\r\naccept-encoding: identity\r\nContent-Length: 4\r\n\r\nbody"
    )


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_grow_another_one(value: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        request_bytes("GET", "/", "h", [(b"X-API-Key", value)])
    with pytest.raises(ValueError, match="line end"):
        request_bytes("GET", "/", "h", [(value, b"v")])


def test_a_target_cannot_grow_a_header() -> None:
    with pytest.raises(ValueError, match="line end"):
        request_bytes("GET", "/ HTTP/1.1\r\nX-Evil: 1", "h", [])
