"""Which streams and slices are meant by what was typed: a name of each, or patterns of them. Pure.

Invariant: what is meant is registered; a name that matches nothing is answered with what there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.streamnames import NO_SLICE, is_pattern, label, like, not_registered
from datasync_spider.storage.streams import StreamNames


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
