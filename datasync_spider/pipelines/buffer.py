"""Collects prepared pages into batches, in the run's order.

Invariant: pages leave in the order of their numbers without a gap, whatever the order in which they come; nothing
leaves twice, nothing is left behind when ``take`` is told that no more will come.
"""

from __future__ import annotations

from datasync_spider.api.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.batch import Batch, PreparedPage

_ROW_BYTES = 1024
# Pages with nothing but what is in flight weigh next to nothing; whether they are all that comes is seen when they are
# committed, so not too late.
_MOST_KNOWN_PAGES = MOST_REPEATED_PAGES + 1


class PageBuffer:
    """Bookkeeping only: no I/O, no clock."""

    def __init__(self, batch_size_rows: int) -> None:
        self.batch_size_rows = batch_size_rows
        self.rows = 0
        """Rows, stored or rejected, that wait to be written; an empty page weighs one, a large one by its bytes."""
        self._pages: list[PreparedPage] = []
        self._known_pages = 0
        self._batches = 0

    @property
    def pages(self) -> int:
        return len(self._pages)

    def add(self, page: PreparedPage) -> None:
        """The next page. Raises ValueError where it does not follow the one before it."""
        if self._pages and page.page.number != self._pages[-1].page.number + 1:
            raise ValueError(f"page {page.page.number} does not follow page {self._pages[-1].page.number}")
        self._pages.append(page)
        self.rows += _weight(page)
        self._known_pages += _is_known(page)

    def is_due(self) -> bool:
        """Whether a batch is full, or holds the end of the pass, or too many pages without a row of their own."""
        return (
            self.rows >= self.batch_size_rows
            or self._known_pages >= _MOST_KNOWN_PAGES
            or bool(self._pages and self._pages[-1].page.ends_pass)
        )

    def take(self) -> Batch | None:
        """The next batch, full or not, or None where there is nothing."""
        if not self._pages:
            return None
        count = rows = 0
        while count < len(self._pages) and rows < self.batch_size_rows:
            page = self._pages[count]
            rows += _weight(page)
            self._known_pages -= _is_known(page)
            count += 1
        self._batches += 1
        self.rows -= rows
        batch = Batch(self._batches, self._pages[:count])
        del self._pages[:count]
        return batch


def _is_known(page: PreparedPage) -> bool:
    """Whether all that the page holds is in flight already."""
    return page.counts.duplicates > 0 and not page.rows and not page.rejected


def _weight(page: PreparedPage) -> int:
    """In rows of up to a kilobyte, so that a few pages of megabytes are a batch too."""
    return max(1, len(page.rows) + len(page.rejected), page.page.body_bytes // _ROW_BYTES)
