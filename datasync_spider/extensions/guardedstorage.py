"""Keeps an export's trouble from all others, and keeps it in mind until the export is to be stored.

To Scrapy an error in an export is a line in the log: the page is missing in the file, as it is in all feeds behind that
one, and the file is stored all the same. So what is written goes through a :class:`Sink`, which never raises; and a
storage whose sink has met an error stores nothing, and says why.

Invariant: of an export that met an error nothing is stored. The first error is kept.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from scrapy.utils.defer import ensure_awaitable

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Spider
    from scrapy.extensions.feedexport import FeedStorageProtocol


class NotStored(Exception):
    """An export that is not whole; the text says why."""


class Sink(io.BufferedIOBase):
    """What an exporter writes to. ``inner`` None: there is nothing to write to."""

    def __init__(self, inner: IO[bytes] | None, fail: Callable[[Exception], None], former_bytes: int = 0) -> None:
        self.inner = inner
        self._fail = fail
        self._former_bytes = former_bytes
        self._is_broken = inner is None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.inner is not None and self.inner.seekable()

    def tell(self) -> int:
        """An encoding that begins a file with a mark asks whether this is a beginning."""
        return self._former_bytes + (0 if self.inner is None else self.inner.tell())

    def write(self, data: Any, /) -> int:
        self._attempt(lambda inner: inner.write(data))
        return len(data)

    def flush(self) -> None:
        self._attempt(lambda inner: inner.flush())

    def _attempt(self, work: Callable[[IO[bytes]], object]) -> None:
        if self._is_broken or self.inner is None:
            return
        try:
            work(self.inner)
        # Whatever it is, such as a file that someone has closed: it must not cost another feed its page.
        except Exception as error:  # noqa: BLE001
            self._is_broken = True
            self._fail(error)


class GuardedStorage:
    """Stands before a storage class in :func:`guarded`. ``failure``: why it stores nothing, None as long as it will."""

    failure: str | None = None
    _sink: Sink | None = None

    def open(self, spider: Spider) -> Sink:
        inner = None
        try:
            inner = super().open(spider)  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - an export's trouble is reported, and ends nothing
            self.fail(error)
        self._sink = Sink(inner, self.fail, getattr(self, "former_bytes", 0))
        return self._sink

    async def store(self, _: Any) -> None:
        """Raises NotStored."""
        sink = self._sink
        assert sink is not None
        sink.flush()
        if self.failure is None:
            try:
                await ensure_awaitable(super().store(sink.inner))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error)
        if self.failure is not None:
            self.abandon()
            raise NotStored(self.failure) from None

    def fail(self, error: Exception) -> None:
        """From now on it will store nothing."""
        if self.failure is None:
            self.failure = _as_text(error)
            if self._sink is not None and sys.stdout is not None and self._sink.inner is sys.stdout.buffer:
                # Or what it holds back would fail once more at the very end, and take the exit code with it.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def abandon(self) -> None:
        """Leaves nothing behind."""
        inner = None if self._sink is None else self._sink.inner
        if inner is None or (sys.stdout is not None and inner is sys.stdout.buffer):
            return
        discard = getattr(super(), "discard", None)
        with suppress(OSError):
            inner.close() if discard is None else discard(inner)


def guarded(storage: type[FeedStorageProtocol]) -> type[FeedStorageProtocol]:
    """The same storage, under the same name, which stands in Scrapy's stats."""
    return type(storage.__name__, (GuardedStorage, storage), {})


def _as_text(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
