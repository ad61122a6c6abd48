"""Our side of the cases of many slices: ``scrapy sync`` of what is due, as one process.

Invariant: a sync that did not end as complete is no measurement, but an error.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.bench import Bench
from bench.crawl import crawl_environment, scrapy_command
from bench.processes import Finished, run
from bench.profiling import profiler
from bench.served import PROJECT
from bench.server import query
from bench.tenants import AskedOf, Tenants


@dataclass(frozen=True, slots=True)
class Synced:
    """One process, what the API saw of it, and how many connections it had at once."""

    process: Finished
    asked: AskedOf
    connections: int

    @property
    def seconds(self) -> float:
        """From the first request's arrival until the process has ended."""
        return self.process.ended - self.asked.first

    @property
    def cost(self) -> str:
        """For the progress."""
        return f"{self.process.cpu_seconds:.2f} s CPU, {self.process.peak_mb:.0f} MB, {self.connections} connections"


def sync_due(
    bench: Bench,
    url: str,
    sources: Path,
    tenants: Tenants,
    *,
    due: int,
    at_once: int,
    flame_graph: Path | None = None,
) -> Synced:
    """Syncs what is due, which must be so many slices, and all of them to a complete end."""
    home = Path(tempfile.mkdtemp(prefix="datasync-bench-sync-"))
    before = query(url, "SELECT coalesce(max(run_id), 0) FROM ingestion_runs")[0][0]
    tenants.forget()
    environment = crawl_environment(tenants.base_url, url, home, SOURCES_DIR=str(sources))
    command = [*scrapy_command(), "sync", "--concurrency", str(at_once)]
    if flame_graph is not None:
        command = [*profiler(flame_graph), *command]
    try:
        with bench.server.watching(url) as watch:
            process = run(command, home / "sync.log", cwd=PROJECT, env=environment)
    finally:
        shutil.rmtree(home)
    ended = dict(query(url, f"SELECT status, count(*) FROM ingestion_runs WHERE run_id > {before} GROUP BY 1"))
    if ended != {"complete": due}:
        raise RuntimeError(f"of {due} slices that were due these came to an end: {ended}")
    return Synced(process, tenants.asked(), watch.most)
