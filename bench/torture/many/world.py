"""What many slices are played in: the three APIs, the files of their sources, and the processes that keep them fresh.

Invariant: everything started here ends here, whatever was done to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.served import ServingProcess
from bench.torture.many.sources import secrets_of, stream_of, tenants_of, write_files
from bench.torture.oracle import Findings, compare
from bench.torture.world import Command, Database

SOURCES = ("ledger", "people", "shelf")
LEASE_TTL_MS = 3_000


class Apis(ServingProcess):
    """The three APIs as a process of their own. ``entering``: what stands before its command, to start it elsewhere."""

    def __init__(
        self, seed: int, tenants: dict[str, list[str]], address: str = "127.0.0.1", entering: Sequence[str] = ()
    ) -> None:
        given = str(seed), json.dumps(tenants), address
        super().__init__("bench.torture.many.serve", *given, entering=entering)

    def control(self, action: str, body: Any = None) -> bytes:
        return self.ask(f"__control/{action}", body=body)


class World:
    """``directory`` is for the files; ``every``: the seconds of each slice's rhythm."""

    def __init__(
        self, database: Database, directory: Path, seed: int, slices: int, every: int, mutant: str | None = None
    ) -> None:
        self.database = database
        self.directory = directory
        self.every = every
        self._mutant = mutant
        tenants = tenants_of(slices)
        self.feeds = [f"{source}/{tenant}" for source, names in tenants.items() for tenant in names]
        self._commands: list[Command] = []
        database.fresh()
        self.apis = Apis(seed, tenants)
        write_files(directory / "sources", self.apis.base_url, tenants, every)
        self._settings = {
            "DATABASE_URL": database.proxied_url,
            "SOURCES_DIR": str(directory / "sources"),
            "DATASYNC_HOME": str(directory / "home"),
            "API_TIMEOUT_MS": "2000",
            "API_RETRY_BASE_MS": "10",
            "API_RETRY_MAX_MS": "200",
            "LEASE_TTL_MS": str(LEASE_TTL_MS),
            "WRITE_RETRY_BUDGET_MS": "20000",
            "REJECTED_MAX_PERCENT": "100",
            **secrets_of(tenants),
        }

    def sync(self, *arguments: str, log: str = "sync.log", **settings: str) -> Command:
        """``scrapy sync`` with these arguments."""
        command = Command(["sync", *arguments], {**self._settings, **settings}, self.directory / log, self._mutant)
        self._commands.append(command)
        return command

    def grow(self, by: dict[str, tuple[int, int]]) -> None:
        """So many new records of these feeds, and so many changed ones."""
        self.apis.control("grow", by)

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.apis.control("counts"))
        return found

    def judge(self, feeds: Sequence[str] | None = None) -> Findings:
        """What the oracle has against the tables of these slices, or of all."""
        found = Findings()
        for feed in self.feeds if feeds is None else feeds:
            truth = self.apis.control(f"truth?feed={feed}").splitlines()
            one = compare(self.database.direct_url, truth, stream_of(feed))
            found.events += one.events
            found.stored += one.stored
            found.rejected += one.rejected
            found.wrong += one.wrong
        return found

    def close(self) -> None:
        for command in self._commands:
            command.end()
        self.database.proxy.flow()
        self.apis.close()
