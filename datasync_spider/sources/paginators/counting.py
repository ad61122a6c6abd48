"""Counters as positions: digits, and no number that a counter of an API could not hold."""

from __future__ import annotations

from datasync_spider.errors import PositionRefused
from datasync_spider.sources.paginators.protocol import Ask, make_ask
from datasync_spider.sources.spec import Next

_LARGEST = 2**63 - 1


def count_of(position: str | None, first: int, what: str) -> int:
    """The number that the position is; ``first`` of the first page. Raises PositionRefused for what is none."""
    if position is None:
        return first
    # The length first: digits without end take time to read.
    if len(position) > len(str(_LARGEST)) or not position.isascii() or not position.isdigit():
        raise PositionRefused(f"the stored position is no {what}")
    return int(counted(int(position), what))


def counted(number: int, what: str) -> str:
    """The position that the number is. Raises PositionRefused where it is larger than any counter."""
    if number > _LARGEST:
        raise PositionRefused(f"the position is no {what}: it is beyond {_LARGEST}")
    return str(number)


def make_count_ask(next_: Next, number: int, *, is_first: bool) -> Ask:
    """What asks for it: a number in a body, digits elsewhere. Beside the first one all of the stream's own stays."""
    value = number if next_.to == "body" else str(number)
    return make_ask([(next_, value)], None if is_first else next_.keep)
