"""The text of timestamps: every third event (age % 3 == 0) a number, the others ISO 8601 with `Z`.

The invariant: head + tail is the timestamp's JSON text. They are apart because the tails (seconds and milliseconds of a
minute) repeat in every cycle of the timeline, and the heads (a minute's beginning) are few.
"""

from datetime import UTC, datetime

from mock_api.timeline import BASE_MS, CYCLE_EVENTS, CYCLE_MS, Timeline

_MINUTE_MS = 60_000


class StampText:
    """The timestamps of one timeline as text."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._minutes = [offset // _MINUTE_MS for offset in timeline.offsets_ms]
        self._tails = [b'%02d.%03dZ"' % divmod(offset % _MINUTE_MS, 1_000) for offset in timeline.offsets_ms]

    def parts(self, oldest: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Heads and tails of the timestamps of `range(oldest, stop)`, newest first; the range lies in one cycle."""
        cycle, first = divmod(oldest, CYCLE_EVENTS)
        cycle_start_ms = BASE_MS + cycle * CYCLE_MS
        positions = slice(first, first + stop - oldest)
        minutes = self._minutes[positions][::-1]
        texts = {minute: _minute_text(cycle_start_ms + minute * _MINUTE_MS) for minute in {*minutes}}
        heads = list(map(texts.__getitem__, minutes))
        tails = self._tails[positions][::-1]

        first_number = (stop - 1) % 3
        offsets = self._timeline.offsets_ms[positions][::-1][first_number::3]
        heads[first_number::3] = [b"%d" % (cycle_start_ms + offset) for offset in offsets]
        tails[first_number::3] = [b""] * len(offsets)
        return heads, tails


def _minute_text(epoch_ms: int) -> bytes:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).strftime('"%Y-%m-%dT%H:%M:').encode()
