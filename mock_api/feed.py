"""The feed: how many events there are now, and their text in feed order, with a bounded memory of prepared blocks.

The invariant: the text of a range of ages never changes; growing only adds ages. Pages, cursors and HTTP stay outside.
"""

from collections import OrderedDict
from collections.abc import Iterator

from mock_api.events import BLOCK_EVENTS, MAX_EVENTS, Block, factory_for


class Feed:
    """The events of a seed, newest first."""

    def __init__(self, seed: int, total: int, memory_bytes: int, edition: int = 0) -> None:
        self._factory = factory_for(seed, edition)
        self.timeline = self._factory.timeline
        self.total = total
        self._memory_bytes = memory_bytes
        self._held_bytes = 0
        self._blocks: OrderedDict[int, Block] = OrderedDict()

    def grow(self, by: int) -> int:
        """Add newer events at the head; return the new total."""
        if self.total + by > MAX_EVENTS:
            raise ValueError(f"a feed holds at most {MAX_EVENTS} events")
        self.total += by
        return self.total

    def chunks(self, oldest: int, stop: int) -> list[bytes]:
        """The events of the ages `range(oldest, stop)`, newest first, as texts to be joined by commas."""
        found = []
        while stop > oldest:
            number = (stop - 1) // BLOCK_EVENTS
            first_age = number * BLOCK_EVENTS
            from_age = max(oldest, first_age)
            newest_position = first_age + BLOCK_EVENTS - stop
            found.append(self._block(number).cut(newest_position, newest_position + stop - from_age))
            stop = from_age
        return found

    def find(self, event_id: str) -> bytes | None:
        """The event with this id, if the feed holds it now."""
        age = self._factory.age_of(event_id)
        if age is None or age >= self.total:
            return None
        (event,) = self.chunks(age, age + 1)
        return event if event.startswith(b'{"id":"%b"' % event_id.encode()) else None

    def prepare(self) -> Iterator[int]:
        """Make every block that memory allows, oldest first, one a step."""
        for number in range(-(-self.total // BLOCK_EVENTS)):
            if self._held_bytes >= self._memory_bytes:
                return
            self._block(number)
            yield number

    def _block(self, number: int) -> Block:
        block = self._blocks.get(number)
        if block is not None:
            self._blocks.move_to_end(number)
            return block
        block = self._blocks[number] = self._factory.block(number)
        self._held_bytes += len(block.data)
        while self._held_bytes > self._memory_bytes and len(self._blocks) > 1:
            _, dropped = self._blocks.popitem(last=False)
            self._held_bytes -= len(dropped.data)
        return block
