"""What the three sources hold: a feed for each slice, of which the same ids stand in all, and other content.

Pure. Invariant: what a feed holds follows from its name and from how often it has grown and changed, so that its truth
is the server's alone; nothing here knows the pipeline.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from mock_api.hostile import HostileEvents

_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_STATES = ("open", "closed", "merged")
_KINDS = ("no_id", "null", "nul", "id_wrong_type", "empty_id", "nul_in_id", "lone_surrogate", "number", "invalid_utf8")


def made(feed: str, number: int, version: int, at: int) -> bytes:
    """The record of this number, as it is since second ``at`` of the feed."""
    digest = blake2b(f"{feed}:{number}:{version}".encode(), digest_size=8).digest()
    record = {
        "id": f"n-{number}",
        "feed": feed,
        "version": version,
        "state": _STATES[digest[0] % len(_STATES)],
        "note": f"“{digest.hex()}” \\ {digest[1]} %",
        "at": (_BEGAN + timedelta(seconds=at)).isoformat(),
    }
    text = json.dumps(record, ensure_ascii=False)
    # A number that does not survive being read as a float and written again.
    return (text[:-1] + f', "amount": {digest[2]}.{int.from_bytes(digest[3:], "big"):015}0}}').encode()


class Growing:
    """Records that come and stay as they are: newest first by number. ``malformed``: that share more is hostile."""

    def __init__(self, name: str, malformed: float | None = None) -> None:
        self._name = name
        self._hostile = None if malformed is None else HostileEvents(malformed, _KINDS)
        self.total = 0

    def grow(self, by: int, changed: int) -> None:
        """``changed``: as many more, since none of these changes."""
        self.total += by + changed

    def texts(self, newest: int, count: int) -> list[bytes]:
        """Of the records from that number down, at most so many, and the hostile ones between them."""
        texts = []
        for number in range(newest, max(newest - count, -1), -1):
            texts.append(made(self._name, number, 0, number))
            if self._hostile is not None and next(self._hostile.ages_in(number, number + 1), None) is not None:
                texts.append(self._hostile.after(number))
        return texts

    def truth(self) -> list[bytes]:
        return self.texts(self.total - 1, self.total)


class Changing:
    """Records that change, by their last change, the oldest first. No two changes are at one time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._clock = 0
        # By number: since when it is as it is, and how often it has changed.
        self._states: dict[int, tuple[int, int]] = {}

    @property
    def total(self) -> int:
        return len(self._states)

    def grow(self, by: int, changed: int) -> None:
        for _ in range(by):
            self._touch(len(self._states))
        for step in range(changed if self._states else 0):
            # Any of them, the very oldest as well as the newest.
            self._touch((self._clock * 7 + step) % len(self._states))

    def since(self, second: int, count: int) -> list[tuple[int, bytes]]:
        """At most so many of those that have changed at that second or later, each with its second."""
        states = sorted((at, number, version) for number, (at, version) in self._states.items() if at >= second)
        return [(at, made(self._name, number, version, at)) for at, number, version in states[:count]]

    def truth(self) -> list[bytes]:
        return [text for _, text in self.since(0, len(self._states))]

    def _touch(self, number: int) -> None:
        self._clock += 1
        version = self._states[number][1] + 1 if number in self._states else 0
        self._states.pop(number, None)
        self._states[number] = self._clock, version


def second_of(text: str) -> int:
    """The feed's second that a time in ISO 8601 names."""
    return int((datetime.fromisoformat(text) - _BEGAN).total_seconds())
