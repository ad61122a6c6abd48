"""What is answered: status, fields, body, and how the body is to be delivered.

Plain values; writing them to a connection is `delivery`'s part.
"""

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Headers = list[tuple[str, str]]

# Made once: `json.dumps` would make one for each call.
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Delivery(Enum):
    """How the answer travels."""

    WHOLE = "whole"
    RESET = "reset"
    """A TCP reset instead of an answer."""
    RESET_BODY = "reset_body"
    """A TCP reset in the middle of the body."""
    TRUNCATED = "truncated"
    """An orderly end in the middle of the body."""
    STALLED = "stalled"
    """Silence in the middle of the body."""
    DRIP = "drip"
    """A few bytes at a time."""


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: Headers = field(default_factory=list)
    delivery: Delivery = Delivery.WHOLE
    delay_ms: float = 0
    share: float = 1
    """How much of the body leaves before a broken delivery breaks."""
    drip_bytes: int = 1
    drip_interval_ms: float = 0
    before_age: int | None = None
    """For the statistics: where the page begins."""
    served: int = 0
    """For the statistics: how many events of the feed the page holds."""
    faults: tuple[str, ...] = ()
    """For the statistics: the faults that were applied."""
    refused_wait_ms: float | None = None
    """For the statistics: the wait that a 429 gave."""


def dump(content: Any) -> bytes:
    """Compact JSON."""
    return _COMPACT.encode(content).encode()


def json_reply(content: Any, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(status, dump(content))


def error_reply(status: int, error: str, message: str, code: str) -> Reply:
    """An answer in the API's form of an error."""
    return json_reply({"error": error, "message": message, "code": code}, status)


def unauthorized() -> Reply:
    """The key is missing or wrong."""
    return error_reply(401, "Unauthorized", "Invalid or missing API key", "UNAUTHORIZED")


def cursor_expired(expired_ms_ago: float) -> Reply:
    """The cursor was good once."""
    minutes = int(expired_ms_ago // 60_000)
    return error_reply(400, "Bad Request", f"Cursor expired {minutes} minute(s) ago", "CURSOR_EXPIRED")


def html_reply(status: int, title: str) -> Reply:
    """What a proxy in front of the API answers."""
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return Reply(status, page.encode(), content_type="text/html")
