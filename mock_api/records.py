"""Records of the profiles: small, of two shapes, computed from seed and age, and never stored.

The invariant: a record depends on the seed and its age alone (age 0 is the oldest), so a growing collection changes
none. Ids count from 1 in both shapes: two streams of them have equal ids and nothing else in common.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

_FIRST_S = 1_735_689_600  # 1 January 2025
_STEP_S = 60
_STATES = ("open", "closed", "merged")


class Records:
    """How many there are now."""

    def __init__(self, seed: int, total: int) -> None:
        self.seed = seed
        self.total = total

    def grow(self, by: int) -> int:
        """Add newer ones; return the new total."""
        self.total += by
        return self.total

    def ages(self, first: int, count: int) -> range:
        """The ages at `count` positions from `first` on, 0 being the newest; fewer or none at the end."""
        newest = self.total - 1 - min(first, self.total)
        return range(newest, max(newest - count, -1), -1)


def link_record(seed: int, age: int) -> dict[str, Any]:
    """As GitHub's: flat, with a time in text."""
    digest = _digest("link", seed, age)
    return {
        "id": age + 1,
        "node_id": f"R_{digest.hex()}",
        "state": _STATES[digest[0] % len(_STATES)],
        "title": f"Record {age + 1}: “{digest[1]} %, {digest[2]}”",
        "updated_at": datetime.fromtimestamp(_time_s(age), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def offset_record(seed: int, age: int) -> dict[str, Any]:
    """Nested, with a number of seconds for a time, and a text for an id."""
    digest = _digest("offset", seed, age)
    return {
        "key": {"kind": "record", "id": str(age + 1)},
        "when": {"at": _time_s(age)},
        "value": int.from_bytes(digest[:6], "big"),
    }


def _time_s(age: int) -> int:
    return _FIRST_S + age * _STEP_S


def _digest(shape: str, seed: int, age: int) -> bytes:
    return blake2b(f"{shape}:{seed}:{age}".encode(), digest_size=9).digest()
