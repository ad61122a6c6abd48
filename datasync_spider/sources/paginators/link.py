"""A URL in a Link header, a header of the API's own or the body, which is asked for as it is.

Invariants: a position holds no secret, no user, no password and no fragment. Of the stream's own origin it is path and
query, and so it stays where the API moves; of another one it is absolute. A URL that two parsers could read differently
is never asked for. Whether another origin may be asked is not decided here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, unquote_plus

from datasync_spider.errors import PageUnreadable, PositionRefused
from datasync_spider.observe.reasons import CURSOR_WRONG_TYPE, NEXT_URL_REFUSED
from datasync_spider.sources.linkheader import references as links_of
from datasync_spider.sources.paginators.protocol import Answer, Ask, agreed, named
from datasync_spider.sources.paths import names_nothing
from datasync_spider.sources.spec import Next
from datasync_spider.sources.urls import (
    beyond_origin,
    has_scheme,
    has_userinfo,
    is_plain,
    origin,
    resolve,
    without_userinfo,
)

_WANTED = "it must lead to http or https at a host, without user, spaces, control characters or backslashes"


class UrlPaginator:
    """``next_``: from ``link``, ``header`` or ``body`` to ``url``. ``secret_parameters``: their names, not escaped."""

    def __init__(self, next_: Next, secret_parameters: frozenset[str] = frozenset()) -> None:
        self._next = next_
        self._secrets = secret_parameters

    def ask(self, position: str | None) -> Ask:
        """Raises PositionRefused for a position that is no URL."""
        if position is None:
            return Ask()
        if not _is_position(position):
            raise PositionRefused("the stored position is no URL")
        return Ask(url=position)

    def following(self, position: str | None, answer: Answer) -> str | None:
        """Raises PageUnreadable for what is no URL that may be asked for, PageContradiction where there are two."""
        base = without_userinfo(answer.url)
        # Once a stream has left its origin, "relative" would mean another one than that which it was left for.
        at_home = position is None or position.startswith("/")
        references = self._references(answer, base)
        if self._next.base is not None:
            references = [_behind(self._base_of_links(answer), reference) for reference in references]
        return agreed(self._position(reference, base, at_home=at_home) for reference in references)

    def _references(self, answer: Answer, base: str) -> list[str]:
        if self._next.source == "link":
            return links_of(answer.headers.get("link", ()), self._next.name, base)
        found = [value.get("href") if isinstance(value, dict) else value for value in named(self._next, answer)]
        return [_text(value) for value in found if not names_nothing(value)]

    def _base_of_links(self, answer: Answer) -> str:
        """What a relative URL goes behind, by the word of the body; empty where there is no such word."""
        value = None if self._next.base is None else self._next.base.read(answer.body)
        return "" if names_nothing(value) else _text(value)

    def _position(self, reference: str, base: str, *, at_home: bool) -> str:
        # The messages of the standard library may quote what they do not like, and a URL may hold a secret.
        try:
            url = resolve(reference, base).partition("#")[0]
            is_refused = not is_plain(reference) or has_userinfo(url)
            is_same = origin(url) == origin(base)
        except ValueError:
            is_refused = is_same = True
        if is_refused:
            raise PageUnreadable(NEXT_URL_REFUSED, _WANTED)
        url = self._without_secrets(url)
        beyond = beyond_origin(url)
        # With two slashes it would be read as a host.
        return beyond if at_home and is_same and not beyond.startswith("//") else url

    def _without_secrets(self, url: str) -> str:
        place, mark, query = url.partition("?")
        pieces = query.split("&")
        kept = [piece for piece in pieces if not self._is_secret(piece)]
        return url if len(kept) == len(pieces) else place + mark * bool(kept) + "&".join(kept)

    def _is_secret(self, piece: str) -> bool:
        name = piece.partition("=")[0]
        return unquote(name) in self._secrets or unquote_plus(name) in self._secrets


def _behind(base: str, reference: str) -> str:
    """A relative reference as a continuation of ``base``, and not, as URLs have it, in place of its path.

    Raises PageUnreadable where it is relative, and there is no base.
    """
    if reference.startswith("//") or has_scheme(reference):
        return reference
    if not base:
        raise PageUnreadable(NEXT_URL_REFUSED, "it is relative, and the body does not say what it goes behind")
    return base.rstrip("/") + ("" if reference.startswith(("?", "/")) else "/") + reference


def _is_position(text: str) -> bool:
    if text.startswith("/"):
        return not text.startswith("//") and is_plain(text)
    try:
        return bool(origin(text)) and not has_userinfo(text)
    except ValueError:
        return False


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next URL is of type {type(value).__name__}")
    return value
