"""Whether the places of a stream's records can change under a sync that reads all of it. Pure.

Invariant: what is not known from the stream's description is not said here: a link may lead to a page by its number.
"""

from __future__ import annotations

from datasync_spider.sources.spec import Stream


def can_shift(stream: Stream) -> bool:
    """Whether a record that is there all the time may be missed: another one went, or it has changed itself."""
    is_counted = stream.next.source == "counter"
    # What changes moves to the head, where the sync has been.
    is_ordered_by_version = stream.version is None or stream.version in stream.time
    return is_counted or (stream.mutable and stream.order == "newest-first" and is_ordered_by_version)
