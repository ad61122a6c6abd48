"""URLs of an API: how a page is asked for, what a link leads to, and which URLs are of one origin.

Invariants: a value arrives at the server as the very text that it is, and a link as it was written. An origin that is
not certain is none: a URL that two parsers could read differently is an error, since the credential travels with it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.spec import Pairs

_DEFAULT_PORTS = {"http": 80, "https": 443}
has_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_AUTHORITY = re.compile(r"([^:/?#]+:)//([^/?#]*)")
# All of ASCII that shows: whoever wrote the link has escaped in it what is to be escaped.
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def page_url(base_url: str, url: str, own: Pairs, ask: Ask) -> str:
    """The URL of one page: the stream's own ``url`` and parameters, and what its position adds to them or puts there.

    A relative ``url`` goes behind the path of ``base_url``, whose query is kept before all parameters; an absolute one
    stands for itself. An own parameter gives way to one of the same name that the position has.
    """
    place, query = _own_url(base_url, url)
    if ask.url is not None:
        return _escaped(resolve(ask.url, place).partition("#")[0])
    asked = {name for name, _ in ask.query}
    kept = [(name, value) for name, value in own if name not in asked and (ask.keep is None or name in ask.keep)]
    # quote, not quote_plus: a plus sign for a space is undone by form parsers only.
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in (*kept, *ask.query)]
    full = "&".join([query, *pairs] if query else pairs)
    return f"{place}?{full}" if full else place


def with_parameters(url: str, pairs: Pairs) -> str:
    """The URL with these behind what its query has already."""
    if not pairs:
        return url
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    separator = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{separator}{added}"


@lru_cache(64)
def _own_url(base_url: str, url: str) -> tuple[str, str]:
    """The stream's URL without a query, and the query that stands before its parameters."""
    if _AUTHORITY.match(url):
        own = urlsplit(url)
        return urlunsplit((own.scheme, own.netloc, own.path, "", "")), own.query
    base = urlsplit(base_url)
    path, _, query = url.partition("#")[0].partition("?")
    place = "/".join((base.path.rstrip("/"), path.lstrip("/"))) if path else base.path
    return urlunsplit((base.scheme, base.netloc, place, "", "")), "&".join(filter(None, (base.query, query)))


def resolve(reference: str, base: str) -> str:
    """The URL that ``reference`` means on a page at ``base``, as it is written as far as it says of itself where."""
    if has_scheme(reference):
        return reference
    if reference.startswith("/"):
        scheme, authority = _authority(base)
        return scheme + reference if reference.startswith("//") else f"{scheme}//{authority}{reference}"
    return urljoin(base, reference)


def without_userinfo(url: str) -> str:
    """The URL without user and password. Raises ValueError where it names no host."""
    scheme, authority = _authority(url)
    bare = authority.rpartition("@")[2]
    return f"{scheme}//{bare}{url[len(scheme) + 2 + len(authority) :]}"


def has_userinfo(url: str) -> bool:
    """Whether a user or a password stands before the host. Raises ValueError where the URL names no host."""
    return "@" in _authority(url)[1]


def beyond_origin(url: str) -> str:
    """Path and query of an absolute URL, as they are written. Raises ValueError where it names no host."""
    scheme, authority = _authority(url)
    rest = url[len(scheme) + 2 + len(authority) :]
    return rest if rest.startswith("/") else f"/{rest}"


def _authority(url: str) -> tuple[str, str]:
    """Scheme with its colon, and all between the slashes and the path."""
    match = _AUTHORITY.match(url)
    if match is None:
        raise ValueError("a URL must name a host")
    return match[1], match[2]


def _escaped(url: str) -> str:
    """What only ASCII can carry, escaped; the host is left to the lookup of names."""
    scheme, authority = _authority(url)
    start = len(scheme) + 2 + len(authority)
    return url if url.isascii() else url[:start] + quote(url[start:], safe=_ASCII)


def is_plain(url: str) -> bool:
    """Whether all parsers read the same: urlsplit drops tabs and line ends, some take a backslash for a slash."""
    return "\\" not in url and url.isprintable() and " " not in url


def origin(url: str) -> str:
    """``scheme://host:port`` in lower case, with the port always given and without userinfo.

    Raises ValueError for what is not http or https, has no host, or could be read in two ways. The message holds
    nothing of the URL, which may carry a password.
    """
    if not is_plain(url):
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
    if url.startswith(prefix) and is_plain(url):
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
