"""What is asked of an unknown API, and what came back, as values.

Invariant: a wish holds no secret: the sender adds the credential.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from datasync_spider.sources.paths import exact_number

_LINES = ("ndjson", "jsonl", "json-seq", "jsonlines", "stream+json")
_SHOWN = 300
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Wish(Struct, frozen=True):
    """``data``: a JSON value; ``form``: names and texts. Both None: no body."""

    method: str
    url: str
    data: Any = None
    form: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """``headers``: all values of each name, in lower case. ``body`` None where it is no JSON, as ``problem`` says.

    ``is_lines``: the body was one JSON value in each line, and is their list.
    """

    wish: Wish
    status: int
    headers: Mapping[str, Sequence[str]]
    body: Any
    is_lines: bool = False
    problem: str | None = None
    text: str = field(default="", repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it may be a page."""
        return 200 <= self.status < 300 and self.problem is None


def seen(wish: Wish, status: int, headers: Mapping[str, Sequence[str]], body: bytes) -> Seen:
    """Reads the body of an answer."""
    bare = body.removeprefix(_BYTE_ORDER_MARK)
    text = bare.decode("utf-8", "replace")
    content_type = "".join(headers.get("content-type", ())).lower()
    shown = text[:_SHOWN]
    if not any(name in content_type for name in _LINES):
        try:
            return Seen(wish, status, headers, _decode(text), text=shown)
        except ValueError:
            pass
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return Seen(wish, status, headers, [_decode(line) for line in lines], is_lines=True, text=shown)
    except ValueError:
        what = f"its Content-Type is {content_type}" if content_type else "it says of no Content-Type"
        return Seen(wish, status, headers, None, problem=f"the body is no JSON: {what}", text=shown)


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_float=exact_number)
    except RecursionError:
        raise ValueError("too deep") from None
