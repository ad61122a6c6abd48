"""Takes pages into a chain, as the sync of a slice does."""

from __future__ import annotations

from datasync_spider.items import EventPage
from datasync_spider.records.page import Page
from datasync_spider.sync.chain import Chain


def step(chain: Chain, page: Page, cursor: str | None, until_ms: int | None) -> EventPage:
    """The item of a page that was asked for with this cursor and ``until``, with its place in the run."""
    item = EventPage(0, 0, cursor, None, len(page.raw_events), (), ())
    chain.take_in(page, item, until_ms)
    return item
