"""What proves to an API who asks: the strategies of a source, with their secrets filled in.

Invariant: a secret goes into a header or a parameter that is added to each request and stands nowhere else; the names
that it goes by are known, so that it can be taken out of whatever the API sends back.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Auth, BasicAuth, HeadersAuth, Pairs, QueryAuth

_BASIC = "Basic "


@dataclass(frozen=True, slots=True)
class Authorization:
    """``headers``, ``query`` and ``body`` are what each request carries, with secrets: not to be shown."""

    headers: Pairs = field(default=(), repr=False)
    query: Pairs = field(default=(), repr=False)
    body: tuple[tuple[Path, str], ...] = field(default=(), repr=False)

    @property
    def key(self) -> str | None:
        """What the API tells callers apart by; None where requests carry nothing."""
        given = [*self.headers, *self.query, *((str(path), text) for path, text in self.body)]
        if len(given) == 1:
            return given[0][1]
        return "\n".join(f"{name}: {value}" for name, value in sorted(given)) or None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed, be it with its scheme or without: of user and password it is another text."""
        given = tuple(value for _, value in (*self.headers, *self.query, *self.body))
        return given + tuple(value.removeprefix(_BASIC) for value in given if value.startswith(_BASIC))

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the query's parameters that hold secrets."""
        return frozenset(name for name, _ in self.query)


def authorize(auth: Auth | None, filled: Callable[[str], str]) -> Authorization:
    """``filled`` puts secrets and slots into a text, and raises what it likes where there are none."""
    match auth:
        case HeadersAuth():
            return Authorization(headers=tuple((name, filled(text)) for name, text in auth.headers.items()))
        case QueryAuth():
            return Authorization(query=tuple((name, filled(text)) for name, text in auth.query.items()))
        case BasicAuth():
            pair = f"{filled(auth.user)}:{filled(auth.password)}"
            return Authorization(headers=(("Authorization", f"{_BASIC}{base64.b64encode(pair.encode()).decode()}"),))
        case _:
            return Authorization()
