"""The bytes of a request. Pure.

Invariant: a header cannot grow a second one, nor a second request: what holds a line end is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlsplit

from datasync_spider.http1.coding import ACCEPTED

Header: TypeAlias = tuple[bytes, bytes]

_DEFAULT_PORTS = {"http": 80, "https": 443}
PROXY_AUTHORIZATION = b"proxy-authorization"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads. ``host`` without brackets, in ASCII."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in CONNECT: host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Without the port where it is the scheme's own."""
        return self.authority.removesuffix(f":{_DEFAULT_PORTS[self.scheme]}")

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. ``path`` is what stands in the request line: path and query."""

    origin: Origin
    path: str


def target_of(url: str) -> Target:
    """Raises ValueError for what is no http or https URL with a host."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if not slash or "?" in authority or "#" in url:
        parts = urlsplit(url)
        authority, path = parts.netloc, f"{parts.path[1:]}?{parts.query}" if parts.query else parts.path[1:]
    return Target(_origin(scheme, authority), f"/{path}")


@lru_cache(16)
def _origin(scheme: str, authority: str) -> Origin:
    parts = urlsplit(f"{scheme}://{authority}/")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("the URL is not an http or https one with a host")
    return Origin(parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])


def request_bytes(method: str, target: str, host_header: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """Head and body. Raises ValueError where a header's name or value could not be sent as one."""
    lines = [f"{method} {target} HTTP/1.1".encode("ascii"), b"Host: " + host_header.encode("ascii")]
    names = set()
    for name, value in headers:
        names.add(name.lower())
        lines.append(name + b": " + value)
    if b"accept-encoding" not in names:
        lines.append(b"Accept-Encoding: " + ACCEPTED)
    if body and b"content-length" not in names:
        lines.append(b"Content-Length: %d" % len(body))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise ValueError("a header of the request holds a line end or NUL")
    return head + b"\r\n\r\n" + body
