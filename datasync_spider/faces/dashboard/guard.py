"""Who is answered at all, and what every answer carries so that a browser holds the page to its word. Pure.

Invariant: another site's page cannot read this one. The browser keeps its scripts away as long as it distinguishes
the two by name, and a foreign name that was made to point here (DNS rebinding) is refused: it arrives as the Host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

METHODS = ("GET", "HEAD")

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_.-]+", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(.+)", re.IGNORECASE)

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # The browser refuses every way of making markup from text, should a line of ours ever try.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "datasync",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address that is bound by this name."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_names(bound_host: str, extra: Iterable[str] = ()) -> frozenset[str]:
    """The Host names that are answered. Raises ValueError with the first that is no name or address."""
    return _LOCAL | {_spelt(name) for name in (bound_host, *extra)}


def _spelt(name: str) -> str:
    """As it stands in a Host header: lower case, and brackets around an IPv6 address."""
    bare = name.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(bare)
    except ValueError:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is neither a host name nor an address; a port does not belong to it") from None
        return name.lower()
    return f"[{address}]" if address.version == 6 else str(address)


def is_allowed_host(header: str | None, allowed: frozenset[str]) -> bool:
    """Whether this Host header names us, whatever the port: a tunnel may end at another one."""
    match = _HOST.fullmatch(header or "")
    return match is not None and match[1].lower() in allowed


def is_allowed_origin(header: str | None, allowed: frozenset[str]) -> bool:
    """Whether a request comes from our own page, or from no page at all."""
    if header is None:
        return True
    match = _ORIGIN.fullmatch(header)
    return match is not None and is_allowed_host(match[1], allowed)
