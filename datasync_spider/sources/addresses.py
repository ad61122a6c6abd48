"""URLs as a person writes them: what is one, where it leads, and how it is shown. Pure.

Invariant: what :func:`shown_url` gives holds none of the places where people put keys, whatever the text is.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_IN_NO_URL = frozenset('\\"<>{}|^`')
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def url_parts(text: str) -> SplitResult:
    """The parts of an absolute URL. Raises ValueError, which does not repeat it, where it is none."""
    _check_characters(text)
    try:
        parts = urlsplit(text)
        if parts.port == 0:
            raise ValueError("port 0")
    except ValueError:
        # urllib's own message repeats the text.
        raise ValueError("its host or port cannot be understood") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("its scheme is neither http nor https")
    if not parts.hostname:
        raise ValueError("it names no host")
    return parts


def check_base_url(text: str) -> None:
    """Raises ValueError where the text is no address that paths can be appended to."""
    parts = url_parts(text)
    _check_no_user(parts)
    _check_rest(text, parts.path)


def appendable(base_url: str) -> str:
    """Without slashes at the end of its path; its query stays."""
    place, question, query = base_url.partition("?")
    return place.rstrip("/") + question + query


def is_absolute(url: str) -> bool:
    """Whether a stream's URL is an address of its own."""
    return "://" in url.partition("?")[0]


def check_stream_url(text: str) -> None:
    """Raises ValueError where the text is neither something that follows ``base_url`` nor an absolute URL."""
    if is_absolute(text):
        check_base_url(text)
    elif text:
        _check_characters(text)
        if text.startswith("//"):
            raise ValueError("it begins with two slashes, which would name a host")
        _check_rest(text, text.partition("?")[0])


def with_slash(url: str) -> str:
    """A stream's URL with the slash in front that some leave out."""
    return url if not url or is_absolute(url) or url.startswith(("/", "?")) else f"/{url}"


def check_origin(text: str, scheme: str) -> str:
    """The origin of a host, which is asked by ``scheme``, or of a URL without a path. Raises ValueError."""
    host = text
    if "://" in text:
        parts = url_parts(text)
        if parts.path.strip("/") or "?" in text or "#" in text:
            raise ValueError("it holds more than a host and a port")
        scheme, host = parts.scheme, parts.netloc
    if not _HOST.fullmatch(host):
        raise ValueError("it is no host")
    url_parts(f"{scheme}://{host}")
    return f"{scheme}://{host.lower()}"


def shown_url(text: str) -> str:
    """Without user, password, query and fragment."""
    scheme, separator, rest = text.partition("://")
    if not separator or "@" in scheme:
        scheme, separator, rest = "", "", text
    _, at, rest = rest.rpartition("@")
    place = re.split(r"(?<=[?#])", rest, maxsplit=1)
    return f"{scheme}{separator}{'***@' if at else ''}{place[0]}{'***' if place[1:] else ''}"


def _check_characters(text: str) -> None:
    if not _VISIBLE_ASCII.fullmatch(text) or not _IN_NO_URL.isdisjoint(text):
        raise ValueError("it holds characters that no URL has")


def _check_no_user(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError('it holds a user or a password: they belong into auth, as in auth = {type = "basic", …}')


def _check_rest(text: str, path: str) -> None:
    if "#" in text:
        raise ValueError("it holds a fragment, which is never sent")
    if any(unquote(step) in {".", ".."} for step in path.split("/")):
        raise ValueError("a step of its path is . or ..")
