"""What is looked at while the game goes on: how late the latest slice is, and how large a process has become."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

import psutil
import psycopg2

from bench.torture.world import Database

LATE_SECONDS = 240.0
"""No slice may wait so much longer for its next run than it should, while there is someone to run it.

What a killed process has taken is given to no one for a minute; then the others that are due are in the way, on a
machine that does all this on two cores.
"""

# A run that is under way counts from its beginning: one that hangs must be seen as well. Each failure in a row doubles
# the pause, from the end of the last one.
_LATENESS = """
    SELECT due.stream || ' ' || due.slice,
           extract(epoch FROM now() - coalesce(max(greatest(run.started_at, run.ended_at)), min(first.at)))
           - {every} * 2 ^ least(count(*) FILTER (WHERE run.status IN ('failed', 'incomplete')), 8)
    FROM ingestion_due AS due
    CROSS JOIN (SELECT min(health_since) AS at FROM ingestion_due) AS first
    LEFT JOIN ingestion_state AS state ON state.stream = due.stream AND state.slice = due.slice
    LEFT JOIN ingestion_runs AS run ON run.slice_id = state.id AND run.run_id >= coalesce(
        (SELECT max(run_id) FROM ingestion_runs WHERE slice_id = state.id AND status = 'complete'), 0)
    GROUP BY due.stream, due.slice
"""


@dataclass(slots=True)
class Lateness:
    """``samples``: of the latest slice at each look, and how many were late by more than their rhythm."""

    database: Database
    every: int
    samples: list[tuple[float, str, int]] = field(default_factory=list)

    def look(self) -> None:
        """A server that is away is asked the next time."""
        with contextlib.suppress(psycopg2.Error):
            if not self.database.query("SELECT to_regclass('ingestion_due') IS NOT NULL")[0][0]:
                return
            found = [(float(late), name) for name, late in self.database.query(_LATENESS.format(every=self.every))]
            if found:
                late, name = max(found)
                self.samples.append((late, name, sum(late > self.every for late, _ in found)))

    @property
    def worst(self) -> tuple[float, str]:
        return max(((late, name) for late, name, _ in self.samples), default=(0.0, "no slice"))

    def __str__(self) -> str:
        late, name = self.worst
        by_size = sorted(late for late, _, _ in self.samples)
        mostly = max(0.0, by_size[len(by_size) // 2]) if by_size else 0.0
        allowed = f"of {LATE_SECONDS:g} s that are allowed"
        return f"the latest slice was {late:.0f} s late at worst ({name}), {mostly:.0f} s mostly, {allowed}"


@dataclass(slots=True)
class Memory:
    """Of one process: its resident size in MB, with the seconds since its start."""

    pid: int
    began: float = field(default_factory=time.monotonic)
    samples: list[tuple[float, float]] = field(default_factory=list)

    def look(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            size = psutil.Process(self.pid).memory_info().rss / 1e6
            self.samples.append((time.monotonic() - self.began, size))

    def at(self, share: float) -> tuple[float, float]:
        """Seconds and size at that share of its life; 0.0 is when it has begun to work."""
        until = self.samples[-1][0]
        at = max(share * until, min(10.0, until))
        return min(self.samples, key=lambda sample: abs(sample[0] - at))

    def __str__(self) -> str:
        if not self.samples:
            return "not looked at"
        parts = (self.at(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
        return ", ".join(f"{size:.0f} MB after {seconds:.0f} s" for seconds, size in parts)
