"""The stage of a scenario: one database, feeds, and the crawls of them, as the code is or as a mutant breaks it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.torture.oracle import EVENTS, Stream, compare, compare_totals, served
from bench.torture.world import Command, Crawl, Database, Mock

SEED = 7
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Stage:
    """One database, and a feed for each stream; ``mutant`` None is the code as it is."""

    database: Database
    log_path: Path
    mutant: str | None
    wrong: list[str] = field(default_factory=list)
    _mocks: dict[Stream, Mock] = field(default_factory=dict)
    _crawls: list[Crawl] = field(default_factory=list)

    def serve(self, total: int, *arguments: str, stream: Stream = EVENTS) -> Mock:
        """The stream's feed; with the first one the database is made."""
        if not self._mocks:
            self.database.fresh()
        edition = ["--edition", str(stream.edition)]
        self._mocks[stream] = Mock(["--total", str(total), "--seed", str(SEED), *edition, *arguments])
        return self._mocks[stream]

    def crawl(self, stream: Stream = EVENTS, **settings: str) -> Crawl:
        defaults = {
            **({"API_BASE_URL": self._mocks[stream].base_url} if stream in self._mocks else {}),
            "DATABASE_URL": self.database.proxied_url,
            "API_PAGE_LIMIT": "100",
            "API_RETRY_BASE_MS": "10",
            "WRITE_BATCH_SIZE": "200",
            "WRITE_CONCURRENCY": "1",
            "LEASE_TTL_MS": "1000",
            "REJECTED_MAX_PERCENT": "100",
        }
        self._crawls.append(Crawl({**defaults, **settings}, self.log_path, self.mutant, stream))
        return self._crawls[-1]

    def finish(self, stream: Stream = EVENTS, **settings: str) -> None:
        """Another run, to the end of the feed."""
        code = self.ended(self.crawl(stream, **settings))
        self.check(code == 0, f"the last run of {stream} ended with exit code {code}")

    def ended(self, crawl: Crawl) -> int:
        """The exit code of a crawl that ends by itself; the totals must balance then, however it ended."""
        code = crawl.process.wait(_PATIENCE_SECONDS)
        self.wrong += compare_totals(self.database.direct_url).wrong
        return code

    def judge(self, total: int, malformed: float | None = None, stream: Stream = EVENTS) -> None:
        truth = served(total, SEED, malformed, stream.edition)
        self.wrong += compare(self.database.direct_url, truth, stream).wrong

    def check(self, holds: bool, message: str) -> None:
        if not holds:
            self.wrong.append(message)

    def value(self, sql: str) -> Any:
        return self.database.query(sql)[0][0]

    def wait_for(self, sql: str, crawl: Command) -> None:
        """Until the statement says true. A crawl that ends before it does is not what the scenario is about."""
        self.wait_until(lambda: crawl.code is not None or self._is_true(sql))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError("the scenario did not come to its point")
            time.sleep(0.02)

    def close(self) -> None:
        for crawl in self._crawls:
            crawl.end()
        self.database.proxy.flow()
        for mock in self._mocks.values():
            mock.close()

    def _is_true(self, sql: str) -> bool:
        exists = "SELECT to_regclass('ingestion_due') IS NOT NULL"
        return bool(self.value(exists) and self.value(sql))


Scenario = Callable[[Stage], None]
