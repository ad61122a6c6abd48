"""The pages of one chain, so that an API that never gets anywhere is noticed although each of its cursors is a new one.

A page is known by the ids of its first and last record and their number: what an API adds to the records at each answer
changes none of them. Hashes, not pages: a chain may have millions.

Invariant: only pages that promise another one are held against the API, and only many in a row. A feed that grows while
it is read repeats pages, and one that is sorted into hours or shards has empty ones.
"""

from __future__ import annotations

from datasync_spider.errors import NoNewRecords, OnlyEmptyPages
from datasync_spider.records.page import Page

MOST_REPEATED_PAGES = 100
"""In a row. A feed that grows by a page while one is read repeats it as long as that lasts: dozens have been seen."""

MOST_EMPTY_PAGES = 500
"""Without a page that was not there before. A year in hours of which none has a record would be 8,760; a filter that is
applied after paging leaves some dozens."""


class PageTrail:
    """Begins with a chain, or with the run that continues it."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated = 0
        self._empty = 0

    def follow(self, page: Page) -> None:
        """Notes the page. Raises NoNewRecords or OnlyEmptyPages where too many in a row brought nothing."""
        if not page.has_more:
            return
        if not page.raw_events:
            self._empty += 1
        else:
            mark = _mark(page)
            if mark not in self._seen:
                self._seen.add(mark)
                self._repeated = self._empty = 0
                return
            self._repeated += 1
        if self._repeated > MOST_REPEATED_PAGES:
            raise NoNewRecords(
                f"the API repeats itself: the last {self._repeated} pages with records had all come before,"
                f" {len(self._seen):,} different ones in all, each time with another cursor"
            )
        if self._empty > MOST_EMPTY_PAGES:
            raise OnlyEmptyPages(
                f"the API leads on and on: {self._empty} empty pages since the last one with new records,"
                " each with another cursor"
            )


def _mark(page: Page) -> int:
    events = page.raw_events
    ends = (bytes(events[0]), bytes(events[len(events) - 1]))
    return hash((*map(page.reader.identity, ends), len(events)))
