"""What is answered, apart from how it is sent. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

_JSON = "application/json; charset=utf-8"


class Reply(Struct, frozen=True):
    """A whole answer. No cache stores it unless ``headers`` say otherwise."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "no-store"})


class Refused(Exception):
    """The question cannot be answered. ``words`` are for the one who asked and repeat nothing of what was asked."""

    def __init__(self, status: int, words: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = headers or {}

    def reply(self) -> Reply:
        reported = json_reply({"error": self.words}, self.status)
        return Reply(reported.status, reported.content_type, reported.body, {**reported.headers, **self.headers})


def json_reply(value: Any, status: int = 200) -> Reply:
    """For a view model."""
    return encoded_reply(msgspec.json.encode(value), status)


def encoded_reply(body: bytes, status: int = 200) -> Reply:
    """For what is JSON already."""
    return Reply(status, _JSON, body)
