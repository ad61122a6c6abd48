"""Rows as the file that COPY reads: encoded piece by piece, so that a batch is never in memory a second time."""

from __future__ import annotations

import io
from collections.abc import Iterable

from datasync_spider import failpoints
from datasync_spider.storage.rows import Rows, copy_stream, row_prefix


class CopyStream(io.BytesIO):
    """The bytes of one COPY of all these rows, sorted. ``slice_id`` is their first column, unless it is None."""

    def __init__(self, parts: Iterable[Rows], slice_id: int | None = None) -> None:
        super().__init__()
        self._pieces = copy_stream(parts, row_prefix(slice_id))
        self._reads = 0

    def read(self, _: int | None = -1, /) -> bytes:
        """The next piece, however long; empty at the end."""
        self._reads += 1
        # libpq sends a piece when the next one is handed to it: only now the first rows are with the server.
        if self._reads == 4:
            failpoints.reach("mid_copy")
        return next(self._pieces, b"")
