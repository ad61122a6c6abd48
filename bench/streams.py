"""Streams that are read as those of the API that comes with the project."""

from __future__ import annotations

from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.storage.registry import StreamSpec

READER = RecordReader.of(built_in_source().streams["events"])


def stream_spec(name: str, slice_name: str = NO_SLICE) -> StreamSpec:
    """Of the stream's name, and its slice's."""
    return StreamSpec(name, READER, slice_name)
