"""A database with so many slices of some sources, and what a sync of all of them costs each side.

Invariant: a sync that was not of all of them, or did not end as complete, is no measurement, but an error.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.bench import say
from bench.crawl import crawl_environment, scrapy_command
from bench.figures import Figure
from bench.processes import Finished, Measured, run
from bench.served import PROJECT
from bench.server import Server, execute, query
from bench.servercost import ServerCost, cost_of, count_statements, log_statements, table_bytes
from bench.tenants import AskedOf, Served, Tenants

# A page more than is asked for in a round, so that it is known ground that ends it.
FEED = Served("small", 20, 10)

_DUE = "UPDATE ingestion_due SET due_at = now()"
_RECORDS = re.compile(r"s\d+__t\d+")
_WITHIN_SECONDS = 3_600.0


def figure(what: str, value: float, unit: str) -> Figure:
    return Figure(what=what, unit=unit, samples=[value])


@dataclass(frozen=True, slots=True)
class Round:
    """``cpu_seconds``: of the process and all that it has started."""

    process: Finished
    cpu_seconds: float
    server: ServerCost
    asked: AskedOf
    connections: int

    def figures(self, what: str, slices: int) -> list[Figure]:
        """A slice, and of the whole."""
        return [
            figure(f"{what}: CPU of ours a slice", 1000 * self.cpu_seconds / slices, "ms"),
            figure(f"{what}: CPU of PostgreSQL a slice", 1000 * self.server.cpu_seconds / slices, "ms"),
            figure(f"{what}: transactions a slice", self.server.transactions / slices, ""),
            figure(f"{what}: from start to end", self.process.wall_seconds, "s"),
            figure(f"{what}: until the first request", self.asked.first - self.process.started, "s"),
            figure(f"{what}: memory, at most", self.process.peak_mb, "MB"),
            figure(f"{what}: connections, at most", float(self.connections), ""),
        ]


class Stage:
    """``slices``: as near to what is wanted as equal streams allow. Everything is gone when it is left."""

    sources = 4
    streams = 5

    def __init__(self, server: Server, tenants: Tenants, wanted: int) -> None:
        of_each = max(1, wanted // (self.sources * self.streams))
        self.slices = of_each * self.sources * self.streams
        self._server = server
        self._tenants = tenants
        self._stack = ExitStack()
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="datasync-bench-slices-")))
        self.files = directory / "sources"
        for number in range(self.sources):
            names = [f"t{stream}" for stream in range(self.streams)]
            tenants.write_source(self.files, f"s{number}", names, FEED, of_each)
        self.url = self._stack.enter_context(server.fresh())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def sync(self, what: str, command: Sequence[str]) -> Round:
        """Of all slices, which are due by then."""
        execute(self.url, _DUE)
        execute(self.url, "CHECKPOINT")
        last = query(self.url, "SELECT coalesce(max(run_id), 0) FROM ingestion_runs")[0][0]
        self._tenants.forget()
        before = cost_of(self._server, self.url)
        with self._server.watching(self.url) as watch:
            process, cpu_seconds = self._run(command)
        cost = cost_of(self._server, self.url).since(before)
        ended = dict(query(self.url, f"SELECT status, count(*) FROM ingestion_runs WHERE run_id > {last} GROUP BY 1"))
        if ended != {"complete": self.slices}:
            raise RuntimeError(f"of {self.slices} slices that were due these came to an end: {ended}")
        found = Round(process, cpu_seconds, cost, self._tenants.asked(), watch.most)
        say(f"{what}: {process.wall_seconds:.1f} s, CPU {cpu_seconds:.1f} s and {cost.cpu_seconds:.1f} s of PostgreSQL")
        return found

    def status(self) -> Finished:
        """``scrapy status`` of all."""
        home, environment = self._place()
        try:
            return run([*scrapy_command(), "status"], home / "status.log", cwd=PROJECT, env=environment)
        finally:
            shutil.rmtree(home)

    def table_bytes(self) -> dict[str, int]:
        return table_bytes(self.url)

    def is_of_records(self, table: str) -> bool:
        return _RECORDS.fullmatch(table) is not None

    def log_statements(self) -> None:
        log_statements(self.url)

    def statements_of(self, what: str, command: Sequence[str]) -> int:
        """How many its sync has sent."""
        start = self._server.log.stat().st_size
        self.sync(f"{what}, its statements in the log", command)
        return count_statements(self._server.log, start)

    def _run(self, command: Sequence[str]) -> tuple[Finished, float]:
        home, environment = self._place()
        try:
            running = Measured(
                [*scrapy_command(), *command],
                home / "sync.log",
                cwd=PROJECT,
                env=environment,
                within_seconds=_WITHIN_SECONDS,
                counts_tree=True,
            )
            finished = running.wait()
            return finished, max(finished.cpu_seconds, running.tree_cpu_seconds)
        finally:
            shutil.rmtree(home)

    def _place(self) -> tuple[Path, dict[str, str]]:
        home = Path(tempfile.mkdtemp(prefix="datasync-bench-sync-"))
        return home, crawl_environment(self._tenants.base_url, self.url, home, SOURCES_DIR=str(self.files))
