"""What is looked at while the game goes on: how late the latest slice is, and how large a process has become."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

import psutil
import psycopg2

from bench.torture.world import Database

LATE_SECONDS = 240.0
OVERTAKEN_TIMES = 2
"""No slice may be so late, and meanwhile be passed over so often: by so many times as many runs as there are slices.

Late alone is what any slice is on a machine that has too little for all of them. What a killed process has taken is
given to no one for a minute.
"""

# A run that is under way counts from its beginning: one that hangs must be seen as well. Each failure in a row doubles
# the pause, from the end of the last one.
_LATENESS = """
    SELECT name, late, (SELECT count(*) FROM ingestion_runs AS other WHERE other.run_id > last_run)
    FROM (
        SELECT due.stream || ' ' || due.slice AS name, coalesce(max(run.run_id), 0) AS last_run,
               extract(epoch FROM now() - coalesce(max(greatest(run.started_at, run.ended_at)), min(first.at)))
               - {every} * 2 ^ least(count(*) FILTER (WHERE run.status IN ('failed', 'incomplete')), 8) AS late
        FROM ingestion_due AS due
        CROSS JOIN (SELECT min(health_since) AS at FROM ingestion_due) AS first
        LEFT JOIN ingestion_state AS state ON state.stream = due.stream AND state.slice = due.slice
        LEFT JOIN ingestion_runs AS run ON run.slice_id = state.id AND run.run_id >= coalesce(
            (SELECT max(run_id) FROM ingestion_runs WHERE slice_id = state.id AND status = 'complete'), 0)
        GROUP BY due.stream, due.slice
    ) AS one
"""


@dataclass(frozen=True, slots=True)
class Late:
    """A slice that has waited for its next run longer than it should. ``overtaken``: runs of others meanwhile."""

    seconds: float
    name: str
    overtaken: int
    slices: int

    @property
    def is_starved(self) -> bool:
        return self.seconds > LATE_SECONDS and self.overtaken > OVERTAKEN_TIMES * self.slices

    def __str__(self) -> str:
        return f"{self.name} was {self.seconds:.0f} s late while {self.overtaken} runs of others were begun"


@dataclass(slots=True)
class Lateness:
    """``samples``: of the latest slice at each look. ``starved``: the first that was."""

    database: Database
    every: int
    samples: list[Late] = field(default_factory=list)
    starved: Late | None = None

    def look(self) -> None:
        """A server that is away is asked the next time."""
        with contextlib.suppress(psycopg2.Error):
            if not self.database.query("SELECT to_regclass('ingestion_due') IS NOT NULL")[0][0]:
                return
            rows = self.database.query(_LATENESS.format(every=self.every))
            found = [Late(float(seconds), name, overtaken, len(rows)) for name, seconds, overtaken in rows]
            if found:
                self.samples.append(max(found, key=lambda late: late.seconds))
                self.starved = self.starved or next((late for late in found if late.is_starved), None)

    @property
    def worst(self) -> Late | None:
        return max(self.samples, key=lambda late: late.seconds, default=None)

    def __str__(self) -> str:
        by_size = sorted(late.seconds for late in self.samples)
        mostly = max(0.0, by_size[len(by_size) // 2]) if by_size else 0.0
        return f"at worst {self.worst or 'no slice was late'}; the latest one mostly {mostly:.0f} s"


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
