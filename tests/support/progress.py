"""Progress models in the middle of a run, made without a crawl."""

from __future__ import annotations

from datasync_spider.faces.progress.state import ProgressState
from datasync_spider.storage.batch import Counts

RETRY_BUDGET_SECONDS = 300.0
WALL = 1_700_000_000.0


def running(*, stored: int = 0, expected_total: int | None = None) -> ProgressState:
    """A run that was opened at second 0."""
    state = ProgressState(RETRY_BUDGET_SECONDS, 0.0)
    state.run_opened(7, "events", "full", stored, expected_total, None, 0.0)
    return state


def commit(
    state: ProgressState,
    now: float,
    *,
    pages: int = 1,
    inserted: int = 0,
    duplicates: int = 0,
    rejected: int = 0,
    stored: int | None = None,
    expected_total: int | None = None,
    newest_event_at: float | None = None,
    pages_since_new: int | None = None,
) -> None:
    """A batch with this content is committed; where it holds anything new, its last page does."""
    events = inserted + duplicates + rejected
    if pages_since_new is None and inserted + rejected:
        pages_since_new = 0
    counts = Counts(1, pages, events, inserted, duplicates, rejected)
    state.committed(counts, stored, expected_total, newest_event_at, now, WALL + now, pages_since_new)


def everything_happened() -> ProgressState:
    """A run at second 90 in which each thing that is counted or measured has happened at least once."""
    state = running(stored=1_000, expected_total=11_000)
    state.rate_window_observed(10, 3, 40.0, 1.0)
    state.page_fetched(5_000, 116.0, 2.0)
    state.request_retrying("status_503")
    state.writer_retrying(1, 0.2, 3.0)
    state.chain_restarted()
    state.wait_started("rate_window", 30.0, 5.0)
    state.wait_ended(35.0)
    state.buffer_changed(pages=2, rows=10_000, writing=1, batch_size_rows=25_000)
    commit(state, 90.0, inserted=4_000, duplicates=900, rejected=100, stored=5_000, newest_event_at=WALL - 3_600.0)
    return state
