"""URLs of the API: how a page is asked for, and which URLs are the API's own.

Invariants: a cursor arrives at the server as the very text that the server gave. An origin that cannot be told for
certain is none: a URL that two parsers could read differently is an error, since the API key travels with it.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def events_url(base_url: str, limit: int, cursor: str | None = None, until_ms: int | None = None) -> str:
    """The URL of one page of the feed. A query in ``base_url`` is kept, before the page's own parameters."""
    url = f"{_events_url(base_url)}limit={limit}"
    if cursor is not None:
        # quote, not quote_plus: a plus sign for a space is undone by form parsers only.
        url += f"&cursor={quote(cursor, safe='')}"
    return url if until_ms is None else f"{url}&until={until_ms}"


@lru_cache(16)
def _events_url(base_url: str) -> str:
    """All before the page's own parameters."""
    base = urlsplit(base_url)
    query = f"{base.query}&" if base.query else ""
    return f"{urlunsplit((base.scheme, base.netloc, base.path.rstrip('/') + '/events', '', ''))}?{query}"


def origin(url: str) -> str:
    """``scheme://host:port`` in lower case, with the port always told and without userinfo.

    Raises ValueError for what is not http or https, has no host, or could be read in two ways. The message holds
    nothing of the URL, which may carry a password.
    """
    # urlsplit drops tabs and line ends silently, and some parsers take a backslash for a slash.
    if "\\" in url or not url.isprintable() or " " in url:
        raise ValueError("a URL must not hold spaces, control characters or backslashes")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("a URL must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("a URL must name a host")
    # What the wire carries: an international name and its encoded form are one host. UnicodeError is a ValueError.
    host = parts.hostname.encode("idna").decode().lower()
    if ":" in host:
        host = f"[{host}]"
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return f"{parts.scheme}://{host}:{port}"


def same_origin(url: str, base_url: str) -> bool:
    """Whether ``url`` is one of the API at ``base_url``. Raises ValueError where ``base_url`` has no origin."""
    wanted, prefix = _origin_and_prefix(base_url)
    if url.startswith(prefix) and url.isprintable() and "\\" not in url and " " not in url:
        return True
    try:
        return origin(url) == wanted
    except ValueError:
        return False


@lru_cache(16)
def _origin_and_prefix(base_url: str) -> tuple[str, str]:
    """The origin, and what stands before the path: a URL that begins with it, slash included, has the same one."""
    parts = urlsplit(base_url)
    return origin(base_url), f"{parts.scheme}://{parts.netloc}/"
