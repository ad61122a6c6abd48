"""Proves who asks by code of the user's, for what no file can say: a signature of each request.

Invariant: what is signed is what is sent, to the byte, and nothing waits in between; of the parameters that are added
only such come that were announced, so that they can be taken out of what the API links to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from datasync_spider.errors import ConfigurationError, SigningFailed
from datasync_spider.sources.slots import checked_header
from datasync_spider.sources.spec import Pairs
from datasync_spider.sources.urls import with_parameters
from datasync_spider.sources.userclasses import PYTHON, make_instance

PROTOCOL = "docs/sources/add-an-auth.md"


class RequestAuth(Protocol):
    """Derive from it, and write one of the two methods or both. They must not wait: each request goes through them.

    ``parameters``: the names of all that ``query`` may give.
    """

    parameters: Collection[str] = ()

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """``secrets``: by the names that the source's file has given them."""

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """What the request carries besides. ``url`` has the parameters of :meth:`query` already."""
        return {}

    def query(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Parameters that the URL gets besides, not escaped."""
        return {}


@dataclass(frozen=True, slots=True)
class Signer:
    """A class of the user's at its work. ``place``: where it stands, for errors."""

    place: str
    auth: Any = field(repr=False)
    parameters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, place: str, secrets: Mapping[str, str]) -> Signer:
        """Raises ConfigurationError where there is no such class, or one that is no RequestAuth."""
        return cls.around(place, make_instance(place, dict(secrets), methods=(), protocol=PROTOCOL))

    @classmethod
    def around(cls, place: str, auth: Any) -> Signer:
        """The same of one that is made already."""
        if not any(callable(getattr(auth, name, None)) for name in ("headers", "query")):
            raise ConfigurationError(
                f"{PYTHON}{place}: the class has neither a method headers nor query: write what {PROTOCOL} says"
            )
        named = getattr(auth, "parameters", ())
        if isinstance(named, str) or not all(isinstance(name, str) for name in named):
            raise ConfigurationError(f"{PYTHON}{place}: parameters is no list of names: write what {PROTOCOL} says")
        return cls(place, auth, frozenset(named))

    def sign(self, method: str, url: str, body: bytes) -> tuple[str, Pairs]:
        """The URL to be asked, and headers that the request carries besides. Raises SigningFailed."""
        added = self._given("query", method, url, body)
        if stray := sorted(added.keys() - self.parameters):
            raise SigningFailed(f"{PYTHON}{self.place}: query gives {', '.join(stray)}, which parameters does not name")
        signed = with_parameters(url, tuple(added.items()))
        given = self._given("headers", method, signed, body)
        try:
            return signed, tuple((name, checked_header(text)) for name, text in given.items())
        except ValueError as error:
            raise SigningFailed(f"{PYTHON}{self.place}: of what headers gives, {error}") from None

    def _given(self, name: str, method: str, url: str, body: bytes) -> dict[str, str]:
        call = getattr(self.auth, name, None)
        if not callable(call):
            return {}
        try:
            given = dict(call(method, url, body))
        except Exception as error:
            raise SigningFailed(f"{PYTHON}{self.place}: {name} failed: {type(error).__name__}: {error}") from error
        if not all(isinstance(text, str) for pair in given.items() for text in pair):
            raise SigningFailed(f"{PYTHON}{self.place}: {name} gives something else than names with texts")
        return given
