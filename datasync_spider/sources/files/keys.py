"""The keys of each table of a source's file.

Invariant: a key stands here or in no file. What a key's value may be is said where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Keys(Struct, frozen=True):
    """Those that a table may have."""

    known: tuple[str, ...]


FILE: Final = Keys(("source", "streams"))
SOURCE: Final = Keys(
    ("name", "base_url", "headers", "auth", "allow_hosts", "meanings", "budget", "timeout", "retries", "every")
)
AUTH: Final[Mapping[str, Keys]] = {
    "none": Keys(("type",)),
    "headers": Keys(("type", "headers")),
    "bearer": Keys(("type", "token")),
    "basic": Keys(("type", "user", "password")),
    "query": Keys(("type", "query")),
    "body": Keys(("type", "body")),
    "oauth2-client-credentials": Keys(
        (
            *("type", "token_url", "client_id", "client_secret", "scope", "audience"),
            *("send", "leeway", "fields", "encoding", "answer"),
        )
    ),
    "oauth2-refresh": Keys(
        (
            *("type", "token_url", "client_id", "client_secret", "refresh_token", "scope"),
            *("send", "leeway", "fields", "encoding", "answer"),
        )
    ),
    "python": Keys(("type", "secrets")),
}
TOKEN_ANSWER: Final = Keys(("access_token", "refresh_token", "expires_in", "unit"))
MEANING: Final = Keys(("status", "path", "value", "substring", "means"))
BUDGET: Final = Keys(
    (
        *("requests", "seconds", "concurrency"),
        *("limit", "remaining", "reset", "retry_after", "poll_interval", "unit", "body_wait"),
    )
)
STREAM: Final = Keys(
    (
        *("method", "url", "query", "headers", "body", "format", "page_size"),
        *("records", "id", "time", "total", "returned", "request_id", "cursor_seconds"),
        *("order", "next", "end", "tail", "incremental", "slices"),
        *("mutable", "version", "tombstone", "history", "keep_history", "deletions", "on_drift"),
        *("timeout", "retries", "columns", "every"),
    )
)
BODY: Final = Keys(("json", "form"))
PAGE_SIZE: Final = Keys(("default", "max"))
RECORDS: Final = Keys(("path", "shape", "key", "null"))
ID: Final = Keys(("any", "all", "hash", "without"))
TIME: Final = Keys(("path", "any", "format", "zone", "missing"))
NEXT: Final = Keys(("from", "to", "first", "keep", "base"))
SLICES: Final = Keys(("command", "stream", "values"))
COLUMN: Final = Keys(("path", "name", "type", "mask", "index"))
TAIL: Final = Keys(("from", "to"))
TOMBSTONE: Final = Keys(("path", "value"))
INCREMENTAL: Final = Keys(
    (
        "type",
        "format",
        "param",
        "start",
        "from",
        "to",
        "step",
        "parallel",
        "overlap",
        "lag",
        "inclusive",
        "conditional",
    ),
)
