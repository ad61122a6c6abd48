"""How long one answer may take, and how often a page is asked for again: the stream's word, its source's, or else.

Invariant: what holds comes with the key that it stands under, so that a message can say where to change it.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from datasync_spider.sources.spec import Source, Stream

T = TypeVar("T", int, float)


class Limit(NamedTuple, Generic[T]):
    """``key``: a setting's name, or that of a file's key with its table."""

    value: T
    key: str
    is_of_file: bool = False


def timeout_of(source: Source, stream: Stream, default: Limit[float]) -> Limit[float]:
    """Of one request, in seconds."""
    return _first("timeout", stream.name, stream.timeout_seconds, source.timeout_seconds, default)


def retries_of(source: Source, stream: Stream, default: Limit[int]) -> Limit[int]:
    """Attempts for a page after its first one."""
    return _first("retries", stream.name, stream.retries, source.retries, default)


def every_of(source: Source, stream: Stream) -> float | None:
    """From one sync of a slice to the next, in seconds; None: nothing says how often."""
    return source.every_seconds if stream.every_seconds is None else stream.every_seconds


def _first(key: str, stream: str, of_stream: T | None, of_source: T | None, default: Limit[T]) -> Limit[T]:
    if of_stream is not None:
        return Limit(of_stream, f"{key} in [streams.{stream}]", is_of_file=True)
    return default if of_source is None else Limit(of_source, f"{key} in [source]", is_of_file=True)
