"""Makes text of foreign origin fit to be shown: on a terminal, in a log, in a report.

Invariant: what comes out holds no character that moves the cursor, changes colours, reorders text or is invisible,
and no secret that it was given. Pure; what is shown where is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MASK = "***"
_SECRET_WORDS = frozenset(
    {
        "key",
        "apikey",
        "token",
        "secret",
        "password",
        "authorization",
        "auth",
        "cookie",
        "cookie2",
        "signature",
        "session",
    }
)


def visible(text: str, longest: int | None = None) -> str:
    """The text with everything unprintable written as an escape; cut after ``longest`` characters where given."""
    shown = text if longest is None or len(text) <= longest else f"{text[:longest]}…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret masked, the longest first, since one may hold another."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, _MASK)
    return text


def shown_headers(headers: Iterable[tuple[str, str]], secrets: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Names and values for people: the value of a field whose name speaks of credentials is masked."""
    known = tuple(secrets)
    return [
        (visible(name), _MASK if _is_secret(name) else visible(without_secrets(value, known)))
        for name, value in headers
    ]


def shown_value(value: Any, secrets: Iterable[str] = (), levels: int = 50) -> Any:
    """A JSON value with every text in it made fit to be shown, names included.

    What is nested deeper than a person reads is left out.
    """
    known = tuple(secrets)
    if isinstance(value, str):
        return visible(without_secrets(value, known))
    if isinstance(value, list | dict) and levels == 0:
        return "…"
    if isinstance(value, list):
        return [shown_value(element, known, levels - 1) for element in value]
    if isinstance(value, dict):
        return {
            visible(without_secrets(str(name), known)): shown_value(member, known, levels - 1)
            for name, member in value.items()
        }
    return value


def _is_secret(header_name: str) -> bool:
    return not _SECRET_WORDS.isdisjoint(header_name.lower().replace("_", "-").split("-"))
