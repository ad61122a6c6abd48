"""Hostile events: what a client must survive inside of an otherwise good page.

They stand among the real events, in addition to them. The invariant: which stand where follows from the real event's
age and the settings alone, so that the ground truth can list them; and each that has an id has one of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import shake_128

HUGE_PAYLOAD_BYTES = 1_000_000
ENORMOUS_ID_CHARACTERS = 10_000
DEEP_LEVELS = 500
VERY_DEEP_LEVELS = 100_000

_TIME = b'"timestamp":"2025-01-01T00:00:00.000Z"'


def _with_id(kind: str, age: int, rest: bytes) -> bytes:
    return b'{"id":"hostile-%b-%d",%b}' % (kind.encode(), age, rest)


def _nested(levels: int) -> bytes:
    return b'"properties":%b%b,%b' % (b"[" * levels, b"]" * levels, _TIME)


# The age is in every text: two hostile events of a kind are never equal, except those that have no room for it.
_MAKERS: dict[str, Callable[[int], bytes]] = {
    "null": lambda _age: b"null",
    "number": lambda age: b"%d" % age,
    "no_id": lambda age: b'{"type":"click","order":%d,%b}' % (age, _TIME),
    "id_wrong_type": lambda age: b'{"id":{"value":%d},%b}' % (age, _TIME),
    "empty_id": lambda age: b'{"id":"","order":%d,%b}' % (age, _TIME),
    # Random digits: a database that compresses keys must not make the id small again.
    "enormous_id": lambda age: (
        b'{"id":"%b",%b}' % (shake_128(b"%d" % age).hexdigest(ENORMOUS_ID_CHARACTERS // 2).encode(), _TIME)
    ),
    "nul": lambda age: _with_id("nul", age, b'"name":"a\\u0000b",%b' % _TIME),
    "nul_in_id": lambda age: b'{"id":"hostile-\\u0000-%d",%b}' % (age, _TIME),
    "lone_surrogate": lambda age: _with_id("lone_surrogate", age, b'"name":"\\ud800",%b' % _TIME),
    "huge_number": lambda age: _with_id("huge_number", age, b'"properties":{"amount":1e400000},%b' % _TIME),
    "deep_nesting": lambda age: _with_id("deep_nesting", age, _nested(DEEP_LEVELS)),
    "invalid_utf8": lambda age: _with_id("invalid_utf8", age, b'"name":"caf\xe9 \xff\xfe",%b' % _TIME),
    "year_999999": lambda age: _with_id("year_999999", age, b'"timestamp":"+999999-01-01T00:00:00.000Z"'),
    "timestamp_far": lambda age: _with_id("timestamp_far", age, b'"timestamp":31494784780800000'),
    "before_year_1": lambda age: _with_id("before_year_1", age, b'"timestamp":"0001-01-01T00:00:00+18:00"'),
    "after_year_9999": lambda age: _with_id("after_year_9999", age, b'"timestamp":"9999-12-31T23:59:59-18:00"'),
    "duplicate_keys": lambda age: b'{"id":"hostile-first-%d","id":"hostile-duplicate_keys-%d",%b}' % (age, age, _TIME),
    "huge_payload": lambda age: _with_id("huge_payload", age, b'"name":"%b",%b' % (b"x" * HUGE_PAYLOAD_BYTES, _TIME)),
    "very_deep_nesting": lambda age: _with_id("very_deep_nesting", age, _nested(VERY_DEEP_LEVELS)),
}

ALL_KINDS = tuple(_MAKERS)
DEFAULT_KINDS = tuple(kind for kind in ALL_KINDS if kind != "very_deep_nesting")
"""Without the one that most JSON parsers refuse together with the whole page."""


class HostileEvents:
    """Hostile events at regular places: one follows every event whose age is in the middle of a period."""

    def __init__(self, density: float, kinds: Sequence[str] = DEFAULT_KINDS) -> None:
        unknown = [kind for kind in kinds if kind not in _MAKERS]
        if unknown:
            raise ValueError(f"unknown kind of hostile event: {', '.join(unknown)}; known: {', '.join(ALL_KINDS)}")
        if not 0 < density <= 1:
            raise ValueError("the density of hostile events must be above 0 and at most 1")
        self._period = round(1 / density)
        self._kinds = tuple(kinds) or DEFAULT_KINDS

    def ages_in(self, oldest: int, stop: int) -> Iterator[int]:
        """The ages of `range(oldest, stop)` that a hostile event follows, newest first."""
        first = oldest + (self._period // 2 - oldest) % self._period
        return reversed(range(first, stop, self._period))

    def kind_at(self, age: int) -> str:
        """The kind of the hostile event after this age; all kinds take turns."""
        return self._kinds[age // self._period % len(self._kinds)]

    def after(self, age: int) -> bytes:
        """The hostile event that follows the real one of this age."""
        return _MAKERS[self.kind_at(age)](age)


def woven(chunks: Callable[[int, int], list[bytes]], ages: range, hostile: HostileEvents) -> tuple[list[bytes], int]:
    """The events of `ages` with the hostile ones in their places, newest first, and the number of hostile ones."""
    texts: list[bytes] = []
    stop, added = ages.stop, 0
    for age in hostile.ages_in(ages.start, ages.stop):
        texts += [*chunks(age, stop), hostile.after(age)]
        stop, added = age, added + 1
    return texts + chunks(ages.start, stop), added
