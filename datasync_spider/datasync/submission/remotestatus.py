"""What the API reports of earlier submissions, whose form no one has recorded: so any form is taken.

Invariant: no answer makes this fail, and a number is only taken from where it cannot mean anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from datasync_spider.datasync.submission.quota import QUOTA

_LISTS = ("data", "submissions", "items", "results")
# Not a bare "remaining", which may be the rate window's.
_LEFT = frozenset({"remainingsubmissions", "submissionsremaining"})
_NUMBER = "submissionnumber"
_SHOWN_CHARACTERS = 2000


class RemoteStatus(Struct, frozen=True):
    """``reported_left``: tries left by the API's own count, None where it reports none. ``content``: its answer."""

    status: int
    reported_left: int | None
    entries: tuple[Any, ...]
    content: Any


def read_remote_status(status: int, body: bytes) -> RemoteStatus:
    """What an answer to GET submissions reports."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return RemoteStatus(status, None, (), body[:_SHOWN_CHARACTERS].decode("utf-8", "replace"))
    if status != 200:
        return RemoteStatus(status, None, (), content)
    entries = _entries(content)
    return RemoteStatus(status, _reported_left(content, entries), tuple(entries), content)


def _entries(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        for name in _LISTS:
            member = content.get(name)
            if isinstance(member, list):
                return member
            if isinstance(member, dict) and (inner := _entries(member)):
                return inner
    return []


def _reported_left(content: Any, entries: list[Any]) -> int | None:
    """By the best witness: a count of what is left, else the highest number given, else how many are listed.

    More than a key can have are not this key's: the list is then another one, such as that of all keys.
    """
    numbers = list(_numbers(content))
    left = [value for name, value in numbers if name in _LEFT and value >= 0]
    given = [value for name, value in numbers if name == _NUMBER and 0 < value <= QUOTA]
    if left:
        return min(left)
    if given and len(entries) <= QUOTA:
        return QUOTA - max(given)
    return QUOTA - len(entries) if 0 < len(entries) <= QUOTA else None


def _numbers(content: Any) -> Iterator[tuple[str, int]]:
    """Whole numbers by their name without underscores and capitals, some levels deep."""
    level = [content]
    for _ in range(4):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, list):
                deeper += value
            elif isinstance(value, dict):
                for name, member in value.items():
                    if isinstance(member, int) and not isinstance(member, bool):
                        yield name.replace("_", "").lower(), member
                deeper += value.values()
        level = deeper
