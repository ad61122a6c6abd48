"""A round: two streams side by side, crawls of both under random faults until both say complete, and the oracle's word.

Their feeds have equal ids and other content. They are two streams with tables of their own, or two slices of one; what
is done to the server or to all connections meets both. All choices of one player come from one seeded generator, so a
seed shows what was injected in which order; when exactly it strikes is up to the machine.
"""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path

from bench.torture.oracle import Findings, Stream, compare, compare_totals, served
from bench.torture.pairs import PAIRS
from bench.torture.proxy import Betrayal, Direction
from bench.torture.world import Crawl, Database, Mock
from datasync_spider.failpoints import PLACES

_FAULTS = {
    "status_503": 0.01,
    "status_502": 0.005,
    "reset": 0.005,
    "reset_body": 0.005,
    "truncated": 0.005,
    "truncated_json": 0.005,
    "empty": 0.003,
    "null": 0.003,
    "html": 0.003,
    "missing_fields": 0.002,
    "short_returned": 0.003,
    "duplicate_events": 0.05,
    "expired_cursor": 0.003,
}
_DIRECTIONS: list[list[Direction]] = [[Direction.OUT], [Direction.IN], [Direction.OUT, Direction.IN]]
STRIKES = {
    "kill": 30,
    "signal": 8,
    "freeze": 5,
    "power loss": 8,
    "terminate": 10,
    "cut": 10,
    "reset": 10,
    "halve": 10,
    "betray": 6,
    "stall": 7,
}
"""What is done to a crawl, and how often beside the others."""
_CUTS = {"cut", "reset", "halve"}
_LEASE_TTL_MS = 2000
_MOST_HITS_A_PHASE = 9
_LONGEST_RUN_SECONDS = 240
_CONNECTING_SECONDS = 10


@dataclass(slots=True)
class Tally:
    """What was injected and what came of it."""

    injected: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[int] = field(default_factory=Counter)
    rounds: int = 0
    checks: int = 0
    totals: int = 0
    events: int = 0
    rejected: int = 0
    early_requests: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """What another one counted."""
        for counted in fields(self):
            setattr(self, counted.name, getattr(self, counted.name) + getattr(other, counted.name))

    @property
    def kills(self) -> int:
        return self.injected["kill"] + self.injected["crash at a named place"]


class Over(Exception):
    """The round has ended while this player was at it."""


@dataclass(slots=True)
class Round:
    """One database, two feeds."""

    database: Database
    chance: random.Random
    tally: Tally
    log_path: Path
    deadline: float
    strikes: dict[str, int] = field(default_factory=lambda: dict(STRIKES))

    def play(self) -> None:
        """Raises what ended a player."""
        chance = self.chance
        pair = chance.choice(sorted(PAIRS))
        total, seed = chance.randrange(4_000, 16_000), chance.randrange(1_000_000)
        malformed = chance.choice([None, 0.02, 0.05])
        self.database.fresh()
        players = [
            Player(
                self.database,
                random.Random(chance.randrange(2**32)),
                self.log_path,
                self.deadline,
                self.strikes,
                stream,
                total,
                seed,
                malformed,
            )
            for stream in PAIRS[pair]
        ]
        threads = [threading.Thread(target=player.run, daemon=True) for player in players]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(0.1)
                threads[1].join(0.1)
                if any(player.failure or player.tally.wrong for player in players):
                    break
        finally:
            for player in players:
                player.abandon()
            for thread in threads:
                thread.join(_LONGEST_RUN_SECONDS)
            for player in players:
                self.tally.add(player.tally)
        self.tally.rounds += 1
        self.tally.injected[f"two {pair} side by side"] += 1
        for player in players:
            if player.failure is not None:
                raise player.failure


@dataclass(slots=True)
class Player:
    """One of the streams of a round, with its feed, and who plays tricks on it."""

    database: Database
    chance: random.Random
    log_path: Path
    deadline: float
    strikes: dict[str, int]
    stream: Stream
    total: int
    seed: int
    malformed: float | None
    tally: Tally = field(default_factory=Tally)
    settings: dict[str, str] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    failure: BaseException | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _crawls: list[Crawl] = field(default_factory=list)

    def run(self) -> None:
        """Plays to the end of the round. What ends it before is kept for the one who waits."""
        try:
            self._play()
        except Over:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by the round
            self.failure = error

    def abandon(self) -> None:
        """Ends what goes on, which nothing is said about any more."""
        self._over.set()
        for crawl in self._crawls:
            crawl.end()

    def _play(self) -> None:
        chance = self.chance
        mock = Mock(self._mock_arguments(self.total, self.seed, self.malformed))
        self.settings = self._crawl_settings(mock.base_url)
        try:
            self._until_complete()
            self._judge()
            for _ in range(chance.randrange(3)):
                grown = chance.randrange(1, 6_000)
                mock.control(f"grow?by={grown}", "POST")
                self.tally.injected["feed grown"] += 1
                self.total += grown
                self._until_complete()
                self._judge()
            self.tally.early_requests += int(mock.control("stats")["early_requests"])
        finally:
            mock.close()

    def _mock_arguments(self, total: int, seed: int, malformed: float | None) -> list[str]:
        chance = self.chance
        arguments = [
            "--total",
            str(total),
            "--seed",
            str(seed),
            "--edition",
            str(self.stream.edition),
            "--fault-seed",
            str(chance.randrange(1_000_000)),
        ]
        arguments += ["--cursor-ttl-ms", str(chance.choice([4000, 15_000, 120_000]))]
        for name, rate in _FAULTS.items():
            arguments += ["--fault", f"{name}={rate}"]
        arguments += ["--fault", "rate_limit_burst=0.005,wait_ms=300", "--fault", "slow=0.5,delay_ms=15"]
        if malformed is not None:
            arguments += ["--fault", f"malformed_events=1,density={malformed}"]
        if chance.random() < 0.3:
            arguments += ["--rate-limit", "40", "--rate-window-ms", "1000"]
        if chance.random() < 0.3:
            arguments += ["--honour-until"]
        return arguments

    def _crawl_settings(self, base_url: str) -> dict[str, str]:
        chance = self.chance
        return {
            "API_BASE_URL": base_url,
            "DATABASE_URL": self.database.proxied_url,
            "API_PAGE_LIMIT": str(chance.choice([50, 100, 250, 1000])),
            "API_TIMEOUT_MS": "2000",
            "API_RETRY_BASE_MS": "10",
            "API_RETRY_MAX_MS": "200",
            "WRITE_BATCH_SIZE": str(chance.choice([100, 500, 2000])),
            "WRITE_CONCURRENCY": str(chance.choice([1, 2, 3])),
            "WRITE_RETRY_BUDGET_MS": "20000",
            "LEASE_TTL_MS": str(_LEASE_TTL_MS),
            "REJECTED_MAX_PERCENT": "100",
        }

    # The game

    def _until_complete(self) -> None:
        hits = 0
        while True:
            place = None
            if hits < _MOST_HITS_A_PHASE and self.chance.random() < 0.25:
                place = f"{self.chance.choice(sorted(PLACES))}@{self.chance.randrange(1, 6)}=kill"
            crawl = self._start(place)
            try:
                hits += self._disturb(crawl, _MOST_HITS_A_PHASE - hits)
                code = crawl.process.wait(_LONGEST_RUN_SECONDS)
            except subprocess.TimeoutExpired:
                self.tally.wrong.append(f"a run did not end within {_LONGEST_RUN_SECONDS} s")
                raise
            finally:
                crawl.end()
                self.database.proxy.flow()
            if self._over.is_set():
                raise Over
            self.codes.append(code)
            self.tally.exit_codes[code] += 1
            self._check_totals()
            if place and code == -signal.SIGKILL:
                self.tally.injected["crash at a named place"] += 1
                hits += 1
            if code == 0:
                return
            if len(self.codes) > 200:
                self.tally.wrong.append("200 runs, and none was complete")
                raise TimeoutError

    def _start(self, place: str | None) -> Crawl:
        extra = {"DATASYNC_FAILPOINT": place} if place else {}
        if self._over.is_set():
            raise Over
        crawl = Crawl({**self.settings, **extra}, self.log_path, stream=self.stream)
        self._crawls.append(crawl)
        return crawl

    def _disturb(self, crawl: Crawl, hits_left: int) -> int:
        """Injects faults until the crawl has ended or has had enough; gives how many."""
        hits = 0
        while hits < hits_left and time.monotonic() < self.deadline:
            pause = self.chance.uniform(0.05, 1.6)
            until = time.monotonic() + pause
            while time.monotonic() < until:
                if crawl.code is not None:
                    return hits
                time.sleep(0.01)
            name = self.chance.choices(list(self.strikes), list(self.strikes.values()))[0]
            if name in _CUTS and not self._is_connected(crawl):
                continue
            hits += 1
            if self._strike(crawl, name):
                return hits
        return hits

    def _strike(self, crawl: Crawl, name: str) -> bool:
        """One fault; gives whether it ends the crawl."""
        database = self.database
        self.tally.injected[name] += 1
        match name:
            case "kill":
                crawl.send(signal.SIGKILL)
                return True
            case "signal":
                crawl.send(self.chance.choice([signal.SIGTERM, signal.SIGINT]))
                return True
            case "freeze":
                return self._freeze(crawl)
            case "power loss":
                with database.powered():
                    database.lose_power()
                    time.sleep(self.chance.uniform(0.0, 1.0))
                    database.come_back()
            case "terminate":
                database.terminate_backends()
            case "cut" | "reset":
                self.tally.injected["connections cut"] += database.proxy.cut(with_reset=name == "reset")
            case "halve":
                self.tally.injected["connections cut"] += database.proxy.halve()
            case "betray":
                database.proxy.betray(b"COMMIT\0", self.chance.choice(list(Betrayal)))
                # Where nothing is committed at the moment, it strikes at whatever is committed next.
                self.tally.injected["connections cut"] += database.proxy.sprung.wait(1.0)
            case "stall":
                database.proxy.stall(*self.chance.choice(_DIRECTIONS))
                time.sleep(self.chance.uniform(0.2, 2.0))
                database.proxy.flow()
        return False

    def _is_connected(self, crawl: Crawl) -> bool:
        """Waits for a connection to cut, as long as there may be one."""
        until = time.monotonic() + _CONNECTING_SECONDS
        while not self.database.proxy.connections:
            if crawl.code is not None or time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def _freeze(self, crawl: Crawl) -> bool:
        """Stops the process past its lease, lets a successor run, and wakes it up."""
        crawl.send(signal.SIGSTOP)
        time.sleep(_LEASE_TTL_MS / 1000 * self.chance.uniform(0.5, 1.6))
        successor = self._start(None)
        time.sleep(self.chance.uniform(0.2, 2.0))
        crawl.send(signal.SIGCONT)
        try:
            code = successor.process.wait(_LONGEST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.tally.wrong.append(f"a successor did not end within {_LONGEST_RUN_SECONDS} s")
            raise
        finally:
            successor.end()
        self.codes.append(code)
        self.tally.exit_codes[code] += 1
        return False

    def _check_totals(self) -> None:
        """After any run, however it ended, of all streams: what is committed must be consistent at every moment."""
        self.tally.totals += 1
        with self.database.powered():
            self.tally.wrong += compare_totals(self.database.direct_url).wrong

    def _judge(self) -> None:
        truth = served(self.total, self.seed, self.malformed, self.stream.edition)
        with self.database.powered():
            findings: Findings = compare(self.database.direct_url, truth, self.stream)
            complete = (
                "SELECT count(*) FROM ingestion_runs AS run JOIN ingestion_state AS slice ON slice.id = run.slice_id"
                f" WHERE run.status = 'complete' AND slice.stream = '{self.stream.name}'"
                f" AND slice.slice = '{self.stream.slice or '{}'}'"
            )
            runs = self.database.query(complete)[0][0]
        # A run may commit its verdict and be killed before it can say so, never the other way round.
        findings.check(self.codes.count(0) <= runs, f"{self.codes.count(0)} runs exited 0, {runs} are complete")
        self.tally.checks += 1
        self.tally.events += findings.events
        self.tally.rejected += findings.rejected
        self.tally.wrong += findings.wrong
