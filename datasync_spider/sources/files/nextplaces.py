"""Reads the two ends of a ``next``: places of an answer, and of a request.

Invariant: a place that is given has all that its kind needs. Which go together is not looked at here.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from datasync_spider.sources.files.kinds import path_of, text_of, unlike
from datasync_spider.sources.files.tables import guess
from datasync_spider.sources.paths import Path
from datasync_spider.sources.secretnames import MARK
from datasync_spider.sources.slots import slots
from datasync_spider.sources.userclasses import is_place

FROM = (
    "body:PATH, header:NAME, link:REL, last:PATH, counter:offset, counter:page, object:PATH,"
    " python:package.module:Class, or a list of body:, header: and last:"
)
TO = "query:NAME, body:PATH, header:NAME or url, or a list of the first three"

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_COUNTERS = ("offset", "page")
_KINDS = ("body:", "header:", "link:", "last:", "counter:offset", "counter:page", "object:", "python:")
_OURS = frozenset(
    {
        *("host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade"),
        *("content-length", "content-type", "expect", "accept-encoding", "user-agent"),
    }
)


class From(NamedTuple):
    """Where an answer has what follows."""

    source: Literal["body", "header", "link", "last", "counter", "object", "python"]
    paths: tuple[Path, ...] = ()
    name: str = ""


class To(NamedTuple):
    """Where that goes."""

    to: Literal["query", "body", "header", "url"]
    parameter: str = ""
    path: Path | None = None


def read_from(value: Any) -> tuple[From, ...]:
    """One place or several. Raises ValueError."""
    if not isinstance(value, list):
        return (_from(value),)
    if not value:
        raise ValueError("it is an empty list")
    return unlike([_from(text) for text in value])


def read_to(value: Any) -> tuple[To, ...]:
    """One place or several. Raises ValueError."""
    if not isinstance(value, list):
        return (_to(value),)
    if not value:
        raise ValueError("it is an empty list")
    return unlike([_to(text) for text in value])


def _from(value: Any) -> From:
    text = text_of(value)
    kind, _, rest = text.partition(":")
    match kind:
        case "body" | "last" | "object":
            return From(kind, (path_of(rest),))
        case "header" if _TOKEN.fullmatch(rest):
            return From(kind, name=rest)
        case "link" if rest and rest.isprintable() and not re.search(r'[\s",;]', rest):
            return From(kind, name=rest)
        case "counter" if rest in _COUNTERS:
            return From(kind, name=rest)
        case "python" if is_place(rest):
            return From(kind, name=rest)
    raise _none_of(text, rest, _KINDS)


def _to(value: Any) -> To:
    text = text_of(value)
    if text == "url":
        return To("url")
    kind, _, name = text.partition(":")
    if slots(name):
        raise ValueError("a parameter's name holds no slot")
    if MARK in name:
        raise ValueError("no secret travels in a name")
    match kind:
        case "query" if name:
            return To(kind, name)
        case "body" if name:
            return To(kind, path=path_of(name))
        case "header" if name.lower() in _OURS:
            raise ValueError("that header is set by the client itself")
        case "header" if _TOKEN.fullmatch(name):
            return To(kind, name)
    raise _none_of(text, name, ("query:", "body:", "header:", "url"))


def _none_of(text: str, rest: str, known: tuple[str, ...]) -> ValueError:
    if any(text.startswith(name.partition(":")[0] + ":") for name in known if ":" in name):
        return ValueError("what follows the colon is none of these" if rest else "what follows the colon is missing")
    return ValueError(f"it is none of these{guess(text, known)}")
