"""What several syncs have done together: the counters of their models, added up. Pure."""

from __future__ import annotations

from collections import Counter

from datasync_spider.faces.progress.state import ProgressState
from datasync_spider.storage.batch import Counts


class Sums:
    """Its counters have the names that they have in a model."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.requests = 0
        self.pages_fetched = 0
        self.bytes_fetched = 0
        self.chain_restarts = 0
        self.write_retries = 0
        self.retries: Counter[str] = Counter()
        self._waited: dict[str, float] = {}

    def add(self, state: ProgressState | Sums, now: float) -> None:
        self.counts += state.counts
        self.requests += state.requests
        self.pages_fetched += state.pages_fetched
        self.bytes_fetched += state.bytes_fetched
        self.chain_restarts += state.chain_restarts
        self.write_retries += state.write_retries
        self.retries.update(state.retries)
        for reason, seconds in state.waited_seconds(now).items():
            self._waited[reason] = self._waited.get(reason, 0.0) + seconds

    @property
    def retries_in_all(self) -> int:
        return self.retries.total()

    def waited_seconds(self, _: float) -> dict[str, float]:
        """By reason, as it was when it was added."""
        return self._waited
