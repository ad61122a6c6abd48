"""Which proxy the environment names for an address: ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``.

Invariant: what ``no_proxy`` names is asked directly, in every form in which curl, Python or Go take it. No password of
a proxy is in a message. What is said to a proxy is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from datasync_spider.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_BETWEEN = re.compile(r"[\s,]+")
_PORT = re.compile(r":([0-9]{1,5})$")


def proxy_for(url: str, named: Mapping[str, str] | None = None) -> str | None:
    """The URL of the proxy for an http or https address; None: it is asked directly.

    ``named``: proxies by scheme, with ``all`` and ``no``; None: those of the environment. Raises ConfigurationError
    where the one that is named cannot be used.
    """
    named_by, proxy = _named(url, named)
    if proxy is not None and url.startswith("https:") and proxy.startswith("https:"):
        raise ConfigurationError(
            f"{named_by} in the environment names a proxy that is itself asked over TLS, through which no https address"
            f" can be reached: name it by http://, or put {urlsplit(url).hostname} into no_proxy"
        )
    if proxy is None or _is_usable(proxy):
        return proxy
    if named_by == "all_proxy":
        return None
    raise ConfigurationError(
        f"{named_by} in the environment names a proxy that cannot be used: it must be an http:// or https:// URL with a"
        f" host; correct it, or put {urlsplit(url).hostname} into no_proxy"
    )


def passed_over(url: str, named: Mapping[str, str] | None = None) -> str | None:
    """A warning where ``all_proxy`` names a proxy for ``url`` that no request can take, such as a SOCKS one."""
    named_by, proxy = _named(url, named)
    if named_by != "all_proxy" or proxy is None or _is_usable(proxy):
        return None
    return (
        "all_proxy in the environment names no HTTP proxy, and is passed over: the API is asked directly; name an HTTP"
        f" proxy in {urlsplit(url).scheme}_proxy where there is one"
    )


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Whether ``no_proxy`` names this host: by itself, a domain above it, address or network, with a port or not."""
    name = host.rstrip(".").lower()
    address = _address(name)
    for entry in filter(None, _BETWEEN.split(no_proxy.lower())):
        if entry == "*":
            return True
        wanted, its_port = _split(entry)
        if its_port is not None and its_port != port:
            continue
        if _holds(wanted, address) if address is not None else _is_below(name, wanted):
            return True
    return False


def _named(url: str, named: Mapping[str, str] | None) -> tuple[str, str | None]:
    """The variable that counts, and the proxy that it names for the address."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    proxies = getproxies() if named is None else named
    if bypasses(proxies.get("no", ""), host, port) or (named is None and proxy_bypass(host)):
        return "no_proxy", None
    for scheme in (parts.scheme, "all"):
        if proxy := proxies.get(scheme, "").strip():
            # As curl reads it.
            return f"{scheme}_proxy", proxy if "://" in proxy else f"http://{proxy}"
    return "", None


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        return parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _split(entry: str) -> tuple[str, int | None]:
    """Host and port; the colons of an IPv6 address are its own unless it stands in brackets."""
    bare = entry.startswith("[") or entry.count(":") == 1
    port = _PORT.search(entry) if bare else None
    host = entry[: port.start()] if port else entry
    return host.removeprefix("[").replace("]", ""), int(port[1]) if port else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _holds(wanted: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(wanted, strict=False)
    except ValueError:
        return False


def _is_below(name: str, wanted: str) -> bool:
    domain = wanted.removeprefix("*").strip(".")
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))
