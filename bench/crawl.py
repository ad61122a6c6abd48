"""Our side of every case: ``scrapy crawl`` as a process, against a mock and a database of one measurement.

Invariant: a crawl that did not store exactly what the feed holds is no measurement, but an error.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.feed import Asked, Feed
from bench.processes import Finished, run
from bench.profiling import profiler
from bench.served import PROJECT
from bench.server import query
from datasync_spider.config.table import MOCK_PREFIX, SETTINGS


@dataclass(frozen=True, slots=True)
class Crawled:
    """One crawl: the process, and what the API saw of it."""

    process: Finished
    asked: Asked
    ledger_pages: int

    @property
    def seconds(self) -> float:
        """From the first request's arrival until the process has ended: everything but the start."""
        return self.process.ended - self.asked.first_request

    @property
    def start_seconds(self) -> float:
        """Until the first request's arrival."""
        return self.asked.first_request - self.process.started

    @property
    def cost(self) -> str:
        """For the progress."""
        return f"{self.process.cpu_seconds:.2f} s CPU, {self.process.peak_mb:.0f} MB"

    @property
    def other_requests(self) -> int:
        """Requests that became no page."""
        return self.asked.requests - self.ledger_pages


def scrapy_command() -> list[str]:
    """What a user types, from the environment that this runs in."""
    script = Path(sys.executable).with_name("scrapy")
    return [str(script)] if script.exists() else [sys.executable, "-m", "scrapy"]


def crawl_environment(base_url: str, database_url: str, home: Path, **settings: str) -> dict[str, str]:
    """This process's environment with no setting of a crawl but these."""
    ours = {name for setting in SETTINGS for name in (setting.name, setting.by_file)}
    # Container images like to set it. A crawl would compile every module again, which an installed one never does.
    ours.add("PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith(MOCK_PREFIX)}
    given = {"API_BASE_URL": base_url, "DATABASE_URL": database_url, "DATASYNC_HOME": str(home)}
    return {**kept, "PYTHONPATH": str(PROJECT), **given, **settings}


def crawl(
    feed: Feed,
    database_url: str,
    *,
    spider: str = "events",
    table: str = "ingested_events",
    flame_graph: Path | None = None,
    **settings: str,
) -> Crawled:
    """Crawls the whole feed. ``table``: where what the spider crawls is stored.

    With ``flame_graph`` under a profiler, whose own cost is in the figures then.
    """
    home = Path(tempfile.mkdtemp(prefix="datasync-bench-crawl-"))
    try:
        feed.forget()
        environment = crawl_environment(feed.base_url, database_url, home, **settings)
        command = [*scrapy_command(), "crawl", spider]
        if flame_graph is not None:
            command = [*profiler(flame_graph), *command]
        process = run(command, home / "crawl.log", cwd=PROJECT, env=environment)
    finally:
        shutil.rmtree(home)
    found = query(database_url, f"SELECT count(*) FROM {table}")[0][0]
    if found != feed.total:
        raise RuntimeError(f"the crawl stored {found} events of {feed.total}")
    pages = query(database_url, "SELECT count(*) FROM ingestion_pages")[0][0]
    return Crawled(process, feed.asked(), int(pages))
