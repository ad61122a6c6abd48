"""Which proxy the environment means for an address, and every way in which it may say: none."""

from __future__ import annotations

import pytest

from datasync_spider.config.proxies import bypasses, passed_over, proxy_for
from datasync_spider.errors import ConfigurationError

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("*", "api.example.com", 443),
        ("a.example, *", "api.example.com", 443),
        ("api.example.com", "api.example.com", 443),
        ("API.Example.COM", "api.example.com", 443),
        ("api.example.com.", "api.example.com", 443),
        ("api.example.com", "api.example.com.", 443),
        ("example.com", "api.example.com", 443),
        (".example.com", "api.example.com", 443),
        (".example.com", "example.com", 443),
        ("*.example.com", "a.api.example.com", 443),
        ("localhost,  .internal , api.example.com", "api.example.com", 443),
        ("localhost api.example.com", "api.example.com", 443),
        ("localhost,\tapi.example.com\n", "api.example.com", 443),
        (",,api.example.com,", "api.example.com", 443),
        ("api.example.com:443", "api.example.com", 443),
        (".example.com:8443", "api.example.com", 8443),
        ("127.0.0.1", "127.0.0.1", 80),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("127.0.0.0/8", "127.3.2.1", 80),
        ("10.1.2.3/8", "10.200.0.1", 80),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
        ("0:0:0:0:0:0:0:1", "::1", 80),
        ("fd00::/8", "fd12::1", 80),
        ("localhost", "localhost", 8000),
    ],
)
def test_what_no_proxy_names_is_asked_directly(no_proxy: str, host: str, port: int) -> None:
    assert bypasses(no_proxy, host, port)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("", "api.example.com", 443),
        (" , ", "api.example.com", 443),
        (".", "api.example.com", 443),
        ("ample.com", "api.example.com", 443),
        ("api.example.com", "example.com", 443),
        ("api.example.com:8443", "api.example.com", 443),
        ("127.0.0.1:8080", "127.0.0.1", 80),
        ("0.0.1", "127.0.0.1", 80),
        ("10.0.0.0/8", "11.0.0.1", 80),
        ("10.0.0.0/99", "10.0.0.1", 80),
        ("localhost", "127.0.0.1", 80),
        ("::1", "127.0.0.1", 80),
        ("com.example", "api.example.com", 443),
    ],
)
def test_what_no_proxy_does_not_name_takes_the_proxy(no_proxy: str, host: str, port: int) -> None:
    assert not bypasses(no_proxy, host, port)


@pytest.mark.parametrize(
    ("named", "url", "proxy"),
    [
        ({"http": PROXY}, "http://api.example/x", PROXY),
        ({"http": PROXY}, "https://api.example/x", None),
        ({"https": PROXY}, "https://api.example/x", PROXY),
        ({"all": PROXY}, "https://api.example/x", PROXY),
        ({"all": "http://other.example", "http": PROXY}, "http://api.example/x", PROXY),
        ({"http": "proxy.example:3128"}, "http://api.example/x", PROXY),
        ({"http": "user:pw@proxy.example:3128"}, "http://api.example/x", "http://user:pw@proxy.example:3128"),
        ({"http": PROXY, "no": "api.example"}, "http://api.example/x", None),
        ({"all": PROXY, "no": "api.example:8080"}, "http://api.example:8080/x", None),
        ({"http": PROXY, "no": "[::1]"}, "http://[::1]:8080/x", None),
        ({"http": ""}, "http://api.example/x", None),
        ({}, "http://api.example/x", None),
        ({"all": "socks5://proxy.example:1080"}, "http://api.example/x", None),
        ({"all": "socks5://proxy.example:1080", "http": PROXY}, "http://api.example/x", PROXY),
    ],
)
def test_the_schemes_own_variable_counts_before_the_one_for_all(
    named: dict[str, str], url: str, proxy: str | None
) -> None:
    assert proxy_for(url, named) == proxy


@pytest.mark.parametrize(
    "proxy", ["socks5://u:hunter2@proxy.example:1080", "http://", "http://u:hunter2@h:x", "/run/p"]
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable_and_without_its_password(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="http_proxy in the environment") as caught:
        proxy_for("http://api.example/x", {"http": proxy})
    assert "put api.example into no_proxy" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_socks_proxy_for_all_is_passed_over_with_a_warning() -> None:
    named = {"all": "socks5://u:hunter2@proxy.example:1080"}
    warning = passed_over("https://api.example/x", named)
    assert warning is not None
    assert "https_proxy" in warning
    assert "hunter2" not in warning
    assert passed_over("https://api.example/x", {**named, "https": PROXY}) is None
    assert passed_over("https://api.example/x", {**named, "no": "api.example"}) is None


@pytest.mark.parametrize(
    ("name", "none"), [("http_proxy", "no_proxy"), ("HTTP_PROXY", "NO_PROXY"), ("ALL_PROXY", "NO_PROXY")]
)
def test_the_environment_may_be_in_either_case(monkeypatch: pytest.MonkeyPatch, name: str, none: str) -> None:
    for scheme in ("http", "https", "all", "no"):
        for variable in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, PROXY)
    assert proxy_for("http://127.0.0.1:8000/x") == PROXY
    monkeypatch.setenv(none, "localhost, 127.0.0.1:8000")
    assert proxy_for("http://127.0.0.1:8000/x") is None
    assert proxy_for("http://127.0.0.1:8001/x") == PROXY


def test_a_proxy_over_tls_is_refused_for_an_address_over_tls_and_taken_for_others() -> None:
    named = {"https": "https://u:secret@proxy.example", "http": "https://proxy.example"}
    with pytest.raises(ConfigurationError, match=r"https_proxy .* asked over TLS, .* name it by http://") as caught:
        proxy_for("https://api.example/x", named)
    assert "secret" not in str(caught.value)
    assert proxy_for("http://api.example/x", named) == "https://proxy.example"
    assert proxy_for("https://api.example/x", {**named, "no": "api.example"}) is None
