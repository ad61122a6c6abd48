"""For how long the API wants no request, as far as a run knows when it ends. Pure: the time is an argument."""

from __future__ import annotations

import math

from datasync_spider.storage.runs import Closed


class AskedWaits:
    """Keeps the latest of each kind; ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._closed_until = -math.inf
        self._advised_until = -math.inf

    def asked(self, seconds: float, now: float, *, is_binding: bool) -> None:
        """An answer asks for no request for so long. ``is_binding``: it was a refusal for the rate."""
        if is_binding:
            self._closed_until = max(self._closed_until, now + seconds)
        else:
            self._advised_until = max(self._advised_until, now + seconds)

    def left(self, now: float) -> Closed:
        return Closed(max(0.0, self._closed_until - now), max(0.0, self._advised_until - now))
