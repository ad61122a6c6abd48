"""Which sources, streams and slices are meant by what was typed: names of them, or patterns. Pure.

Invariant: what is meant is registered; a name that matches nothing is answered with what there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from datasync_spider.config.kinds import slice_name as slice_kind
from datasync_spider.errors import ConfigurationError, WronglyCalled
from datasync_spider.sources.streamnames import NO_SLICE, is_pattern, label, like, not_registered, not_there
from datasync_spider.storage.lines import SliceNames
from datasync_spider.storage.streams import StreamNames

_LONGEST_SLICE_BYTES = 1_000


class Chosen(Struct, frozen=True):
    """A stream; all slices that it has now where ``slices`` is None, else these."""

    stream_id: int
    stream: str
    slices: tuple[str, ...] | None

    def __str__(self) -> str:
        if self.slices is None:
            return f"stream {self.stream}"
        if len(self.slices) == 1:
            return f"stream {label(self.stream, self.slices[0])}"
        return f"{len(self.slices):,} slices of stream {self.stream}"

    @property
    def be(self) -> str:
        return "are" if self._is_plural else "is"

    @property
    def was(self) -> str:
        return "were" if self._is_plural else "was"

    @property
    def _is_plural(self) -> bool:
        return self.slices is not None and len(self.slices) > 1


def choose(known: Sequence[StreamNames], stream: str, slice_name: str | None) -> list[Chosen]:
    """What is meant, in the order of ``known``. Raises ConfigurationError where nothing is."""
    names = [one.stream for one in known]
    wanted = set(like(stream, names))
    if not wanted:
        raise ConfigurationError(not_registered(stream, None, names))
    chosen: list[Chosen] = []
    slices: list[str] = []
    for one in known:
        if one.stream not in wanted:
            continue
        slices += one.slices
        # The one slice of a stream without slices is all of it.
        found = (
            None if slice_name is None or one.slices == (NO_SLICE,) == (slice_name,) else like(slice_name, one.slices)
        )
        if found is None or found:
            chosen.append(Chosen(one.stream_id, one.stream, None if found is None else tuple(found)))
    if not chosen:
        raise ConfigurationError(
            not_registered(min(wanted) if is_pattern(stream) else stream, slice_name, names, slices)
        )
    return chosen


def choose_slices(known: Sequence[SliceNames], names: Sequence[str]) -> list[SliceNames]:
    """What is meant by names of sources, of streams, and of slices behind their stream's, or by patterns of them.

    Raises WronglyCalled where one means nothing.
    """
    meant: set[SliceNames] = set()
    for name in names:
        stream, _, part = name.partition(" ")
        of_stream = [one for one in known if like(stream, (one.source, one.stream))]
        if not of_stream:
            there = sorted({one.source for one in known}) + sorted({one.stream for one in known})
            raise WronglyCalled(not_there(name, list(dict.fromkeys(there))))
        slices = [one.slice for one in of_stream]
        wanted = set(like(_canonical(part), slices)) if part else set(slices)
        if not wanted:
            raise WronglyCalled(not_registered(stream, part, [stream], slices))
        meant.update(one for one in of_stream if one.slice in wanted)
    return [one for one in known if one in meant]


def _canonical(part: str) -> str:
    """The name of a slice however its JSON is written."""
    if is_pattern(part):
        return part
    try:
        return str(slice_kind(_LONGEST_SLICE_BYTES).read(part))
    except ValueError:
        return part
