import pytest

from datasync_spider.faces.dashboard.guard import (
    HEADERS,
    allowed_names,
    is_allowed_host,
    is_allowed_origin,
    is_loopback,
)

ALLOWED = allowed_names("127.0.0.1")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "[::1]:8080"]
)
def test_local_names_are_answered_at_any_port(host: str) -> None:
    assert is_allowed_host(host, ALLOWED)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "[::2]",
        "::1",
        "localhost:",
        "localhost:99999999",
        "localhost, evil.example",
        "evil.example\tlocalhost",
        "localhost@evil.example",
        "0.0.0.0",
    ],
)
def test_every_other_name_is_refused(host: str | None) -> None:
    assert not is_allowed_host(host, ALLOWED)


def test_the_bound_host_and_named_hosts_are_answered() -> None:
    allowed = allowed_names("192.0.2.7", ["Status.Example", "2001:db8::1", "[2001:DB8::2]"])
    for host in ("192.0.2.7:80", "status.example", "[2001:db8::1]:8080", "[2001:db8::2]"):
        assert is_allowed_host(host, allowed)


@pytest.mark.parametrize("name", ["", "name:8080", "http://name", "a b", "name/path", "[name]"])
def test_what_is_no_host_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor an address"):
        allowed_names("127.0.0.1", [name])


def test_pages_of_others_are_refused() -> None:
    assert is_allowed_origin(None, ALLOWED)
    assert is_allowed_origin("http://localhost:8080", ALLOWED)
    assert not is_allowed_origin("https://evil.example", ALLOWED)
    assert not is_allowed_origin("null", ALLOWED)


def test_loopback_is_known_by_name_and_number() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.8.0.1", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.0.2.1", "status.example"))


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"):
        assert rule in policy
    for rule in ("connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"
