"""Where a request goes: the first host on its way, and what to call it. Pure.

Invariant: no password of a URL is in a name.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Place(Struct, frozen=True):
    """``host`` without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"


class Way(Struct, frozen=True):
    """To ``place``, directly or through ``proxy``."""

    place: Place
    proxy: Place | None = None

    @property
    def first(self) -> str:
        """Whom a connection is made to, for people."""
        return self.place.authority if self.proxy is None else f"the proxy {self.proxy.authority}"


def way_to(url: str, proxy_url: str | None = None) -> Way:
    """Raises ValueError for what is no http or https URL with a host, and for a proxy that cannot be used."""
    place = _place(*_origin(url))
    if not proxy_url:
        return Way(place)
    try:
        proxy = _place(*_origin(proxy_url))
    except ValueError as error:
        raise ValueError(f"the proxy cannot be used, see http_proxy and https_proxy: {error}") from error
    if proxy.is_tls and place.is_tls:
        raise ValueError("the proxy cannot be used: a tunnel to an https address through an https proxy is not made")
    return Way(place, proxy)


def _origin(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    authority, slash, _ = rest.partition("/")
    if not slash or "?" in authority:
        return scheme, urlsplit(url).netloc
    return scheme, authority


@lru_cache(16)
def _place(scheme: str, authority: str) -> Place:
    parts = urlsplit(f"{scheme}://{authority}/")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("the URL is not an http or https one with a host")
    return Place(parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])
