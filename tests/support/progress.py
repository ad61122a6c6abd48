"""Progress models in the middle of a run, made without a crawl."""

from __future__ import annotations

from datasync_spider.progress.state import Counts, ProgressState

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
) -> None:
    """A batch with this content is committed."""
    events = inserted + duplicates + rejected
    counts = Counts(1, pages, events, inserted, duplicates, rejected, 0)
    state.committed(counts, stored, expected_total, newest_event_at, now, WALL + now)
