"""Addresses: of the feed, and whether one stays at the configured origin."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def events_url(base_url: str, limit: int, cursor: str | None = None, until_ms: int | None = None) -> str:
    """The feed's address for one page. The cursor is passed on as it came, quoted and never looked into."""
    query: dict[str, str | int] = {"limit": limit}
    if cursor is not None:
        query["cursor"] = cursor
    if until_ms is not None:
        query["until"] = until_ms
    return f"{base_url.rstrip('/')}/events?{urlencode(query)}"


def origin(url: str) -> str:
    """``scheme://host:port`` in lower case, with the default port filled in and without userinfo.

    Raises ValueError where the URL is not http or https or names no host.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http or https URL with a host")
    host = parts.hostname.lower()
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[scheme]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def same_origin(url: str, base_url: str) -> bool:
    """Whether both lie at one origin; what is no http URL lies at none."""
    try:
        return origin(url) == origin(base_url)
    except ValueError:
        return False
