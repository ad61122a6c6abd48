"""Many slices kept fresh by a few processes, under random faults, while their feeds grow; then the oracle's word.

All choices come from one seeded generator, so a seed reports what was injected in which order; when exactly it strikes
is up to the machine. Each process is started anew when it has been killed or stopped. From the middle of the game on
the first one is left alone, so that it can be seen whether it grows; what meets the database meets that one, too.

Invariant: whatever is done, at the end each slice has what its feed holds, once.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.torture.many.watching import LATE_SECONDS, Lateness, Memory
from bench.torture.many.world import LEASE_TTL_MS, SOURCES, World
from bench.torture.oracle import compare_totals
from bench.torture.proxy import Betrayal, Direction
from bench.torture.world import Command, Database

STRIKES = {
    "kill": 30,
    "signal": 12,
    "freeze": 8,
    "power loss": 10,
    "terminate": 10,
    "cut": 6,
    "reset": 6,
    "halve": 6,
    "betray": 6,
    "stall": 6,
}
"""What is done, and how often beside the others."""
_OF_PROCESSES = {"kill", "signal", "freeze"}
_PLACES = (
    *("run_opened", "before_fetch", "after_fetch", "waiting", "split", "mid_copy", "before_checkpoint"),
    *("before_commit", "after_commit", "before_finish"),
)
_DIRECTIONS: list[list[Direction]] = [[Direction.OUT], [Direction.IN], [Direction.OUT, Direction.IN]]
_STOPS_WITHIN_SECONDS = 60.0
_DEAF_SECONDS = 15.0
_TOTALS_EVERY_SECONDS = 30.0
_LOOKS_EVERY_SECONDS = 3.0
_TICK_SECONDS = 0.1
_UNTOUCHED_SECONDS = 8.0
_LAST_SYNC_SECONDS = 900.0
_LAST_SYNCS = 5
_MOST_SICK = 3
_STRIKES_NAMED = 4


@dataclass(slots=True)
class Tally:
    """What was injected and what came of it."""

    injected: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[int] = field(default_factory=Counter)
    grown: int = 0
    changed: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    totals: int = 0
    events: int = 0
    stored: int = 0
    rejected: int = 0
    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    slowest_stop: float = 0.0
    last_syncs: list[int] = field(default_factory=list)
    lateness: list[str] = field(default_factory=list)
    memory: str = ""
    struck: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.injected["kill"] + self.injected["crash at a named place"]


@dataclass(slots=True)
class Follower:
    """A ``scrapy sync --follow``, or when the next one begins. Its ``memory`` is of the process that runs now."""

    number: int
    command: Command | None = None
    memory: Memory | None = None
    begins_at: float = 0.0
    thaws_at: float | None = None
    stopped_at: float | None = None
    expects_death: bool = False
    has_failpoint: bool = False
    is_quiet: bool = False


class ManyGame:
    """``minutes`` of strikes, with ``processes`` at a time."""

    def __init__(
        self,
        world: World,
        chance: random.Random,
        minutes: float,
        processes: int,
        strikes: Mapping[str, int] = STRIKES,
        places: int = 3,
    ) -> None:
        self.tally = Tally()
        self._strikes = strikes
        self._world = world
        self._chance = chance
        self._places = places
        self._began = time.monotonic()
        self._ends = self._began + minutes * 60
        self._followers = [Follower(number) for number in range(1, processes + 1)]
        self._lateness = Lateness(world.database, world.every)
        self._next = dict.fromkeys(("strike", "growth", "sickness", "look", "totals", "word"), 0.0)

    def play(self) -> Tally:
        world, feeds = self._world, self._world.feeds
        world.grow({feed: (self._chance.randrange(1, 90), 0) for feed in feeds})
        self._later("strike", min(_UNTOUCHED_SECONDS, (self._ends - self._began) / 3))
        self._later("totals", _TOTALS_EVERY_SECONDS)
        try:
            while time.monotonic() < self._ends and not self.tally.wrong:
                self._tick()
                time.sleep(_TICK_SECONDS)
            self._calm_down()
            if not self.tally.wrong:
                self._finish()
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            self.tally.wrong.append(f"it did not come to its end: {error}")
        self._count()
        return self.tally

    def _tick(self) -> None:
        for follower in self._followers:
            self._attend(follower)
        if not self._followers[0].is_quiet and time.monotonic() > (self._began + self._ends) / 2:
            self._leave_alone(self._followers[0])
        if self._is_time("growth", 0.5, 1.5):
            self._grow()
        if self._is_time("sickness", 5.0, 20.0):
            sick = self._chance.sample(self._world.feeds, self._chance.randrange(_MOST_SICK + 1))
            self._world.apis.control("sick", sick)
        if self._is_time("strike", 1.0, 5.0):
            self._strike()
        if self._is_time("look", _LOOKS_EVERY_SECONDS, _LOOKS_EVERY_SECONDS):
            self._look()
        if self._is_time("totals", _TOTALS_EVERY_SECONDS, _TOTALS_EVERY_SECONDS):
            self._check_totals()

    def _is_time(self, what: str, least: float, most: float) -> bool:
        if time.monotonic() < self._next[what]:
            return False
        self._later(what, self._chance.uniform(least, most))
        return True

    def _later(self, what: str, seconds: float) -> None:
        self._next[what] = time.monotonic() + seconds

    # The feeds

    def _grow(self) -> None:
        chance, by = self._chance, {}
        for feed in chance.sample(self._world.feeds, min(len(self._world.feeds), chance.randrange(1, 12))):
            new = chance.choice([0, 1, 1, 2, 5, 19, 20, 21, 70])
            by[feed] = new, chance.choice([0, 1, 3])
        self._world.grow(by)
        self.tally.grown += sum(new for new, _ in by.values())
        self.tally.changed += sum(changed for _, changed in by.values())

    # The processes

    def _attend(self, follower: Follower) -> None:
        """What has ended is begun again, what was frozen is woken up."""
        now, command = time.monotonic(), follower.command
        if command is None:
            if now >= follower.begins_at:
                self._begin(follower)
            return
        if follower.thaws_at is not None and now >= follower.thaws_at:
            command.send(signal.SIGCONT)
            follower.thaws_at = None
        if command.code is not None:
            self._ended(follower, command.code)
        elif follower.stopped_at is not None and now > follower.stopped_at + _STOPS_WITHIN_SECONDS:
            self.tally.wrong.append(f"process {follower.number} did not stop within {_STOPS_WITHIN_SECONDS:g} s")

    def _begin(self, follower: Follower) -> None:
        settings = {}
        if not follower.is_quiet and self._chance.random() < 0.25:
            settings["DATASYNC_FAILPOINT"] = f"{self._chance.choice(_PLACES)}@{self._chance.randrange(1, 60)}=kill"
        log = f"process-{follower.number}.log"
        follower.command = self._world.sync("--follow", "--concurrency", str(self._places), log=log, **settings)
        follower.memory = Memory(follower.command.process.pid)
        follower.thaws_at = follower.stopped_at = None
        follower.expects_death, follower.has_failpoint = False, bool(settings)

    def _ended(self, follower: Follower, code: int) -> None:
        self.tally.exit_codes[code] += 1
        if follower.stopped_at is not None:
            self.tally.slowest_stop = max(self.tally.slowest_stop, time.monotonic() - follower.stopped_at)
        is_killed = code == -signal.SIGKILL
        if is_killed and follower.has_failpoint and not follower.expects_death:
            self.tally.injected["crash at a named place"] += 1
            self.tally.struck.append((time.monotonic(), "crash at a named place"))
        elif not (is_killed and follower.expects_death) and not _is_a_stop(follower, code):
            self.tally.wrong.append(f"process {follower.number} ended by itself, with exit code {code}")
        follower.command = None
        follower.begins_at = time.monotonic() + self._chance.uniform(0.0, 2.0)

    def _leave_alone(self, follower: Follower) -> None:
        """From now on, with a process of which it is known when it began."""
        follower.is_quiet = True
        if follower.command is not None:
            self._stop(follower)

    def _stop(self, follower: Follower) -> None:
        assert follower.command is not None
        if follower.stopped_at is None:
            follower.stopped_at = time.monotonic()
            follower.command.send(self._chance.choice([signal.SIGTERM, signal.SIGINT]))

    # The strikes

    def _strike(self) -> None:
        name = self._chance.choices(list(self._strikes), list(self._strikes.values()))[0]
        follower = self._chance.choice(self._followers)
        if name in _OF_PROCESSES:
            if follower.command is None or follower.is_quiet or follower.stopped_at is not None:
                return
            self._strike_process(follower, name)
        else:
            self._strike_database(name)
        self.tally.injected[name] += 1
        self.tally.struck.append((time.monotonic(), name))

    def _strike_process(self, follower: Follower, name: str) -> None:
        assert follower.command is not None
        match name:
            case "kill":
                follower.expects_death = True
                follower.command.send(signal.SIGKILL)
            case "signal":
                self._stop(follower)
            case "freeze":
                follower.command.send(signal.SIGSTOP)
                follower.thaws_at = time.monotonic() + LEASE_TTL_MS / 1000 * self._chance.uniform(0.5, 1.6)

    def _strike_database(self, name: str) -> None:
        database = self._world.database
        match name:
            case "power loss":
                database.lose_power()
                time.sleep(self._chance.uniform(0.0, 2.0))
                database.come_back()
            case "terminate":
                database.terminate_backends()
            case "cut" | "reset":
                self.tally.injected["connections cut"] += database.proxy.cut(with_reset=name == "reset")
            case "halve":
                self.tally.injected["connections cut"] += database.proxy.halve()
            case "betray":
                database.proxy.betray(b"COMMIT\0", self._chance.choice(list(Betrayal)))
                self.tally.injected["connections cut"] += database.proxy.sprung.wait(1.0)
            case "stall":
                database.proxy.stall(*self._chance.choice(_DIRECTIONS))
                time.sleep(self._chance.uniform(0.2, 2.0))
                database.proxy.flow()

    # What is looked at

    def _look(self) -> None:
        self._lateness.look()
        for follower in self._followers:
            if follower.memory is not None and follower.command is not None:
                follower.memory.look()
        if self._is_time("word", 30.0, 30.0):
            late, name = self._lateness.worst
            minutes = (time.monotonic() - self._began) / 60
            print(f"  {minutes:5.1f} min  worst {late:.0f} s late ({name})  {dict(self.tally.injected)}", flush=True)

    def _check_totals(self) -> None:
        """Complete or not, what is committed must be consistent at every moment."""
        self.tally.totals += 1
        self.tally.wrong += compare_totals(self._world.database.direct_url).wrong

    # The end

    def _calm_down(self) -> None:
        """Nothing is done any more, and all processes are asked to stop."""
        self._world.database.proxy.flow()
        self._world.apis.control("well", {})
        for follower in self._followers:
            if follower.command is None:
                continue
            follower.command.send(signal.SIGCONT)
            if follower.command.code is None:
                self._stop(follower)
        for follower in self._followers:
            if follower.command is not None:
                self._ended(follower, follower.command.process.wait(_STOPS_WITHIN_SECONDS))

    def _finish(self) -> None:
        """Each slice is synced once more, by name, and compared with its feed.

        Twice: a pass that was begun when the feed was shorter is gone on with, and says nothing of what came since.
        """
        for _ in range(_LAST_SYNCS):
            # What the killed ones held for a moment may still be theirs.
            code = self._world.sync(*SOURCES, "--concurrency", str(self._places), log="last.log").process.wait(
                _LAST_SYNC_SECONDS
            )
            self.tally.last_syncs.append(code)
            if self.tally.last_syncs.count(0) == 2:
                break
        else:
            self.tally.wrong.append(f"the last syncs ended with exit codes {self.tally.last_syncs}")
        self._check_totals()
        found = self._world.judge()
        self.tally.events, self.tally.stored, self.tally.rejected = found.events, found.stored, found.rejected
        self.tally.wrong += found.wrong

    def _count(self) -> None:
        tally = self.tally
        counts = self._world.counts()
        tally.requests = counts["requests"]
        for one in counts["breaches"]:
            before = [f"{name} {one['monotonic'] - at:.1f} s" for at, name in tally.struck if at < one["monotonic"]]
            ago = ", ".join(before[-_STRIKES_NAMED:]) or "nothing"
            tally.wrong.append(f"{one['kind']}: {one['feed']}, {one['detail']}; struck before: {ago}")
        late, name = self._lateness.worst
        if late > LATE_SECONDS:
            tally.wrong.append(f"{name} was {late:.0f} s late, more than {LATE_SECONDS:g} s")
        by_size = sorted(late for late, _, _ in self._lateness.samples)
        if by_size:
            median = max(0.0, by_size[len(by_size) // 2])
            allowed = f"of {LATE_SECONDS:g} s that are allowed"
            tally.lateness = [
                f"the latest slice was {late:.0f} s late at worst ({name}), {median:.0f} s mostly, {allowed}"
            ]
        memory = self._followers[0].memory
        tally.memory = str(memory) if memory is not None and self._followers[0].is_quiet else "not looked at"
        runs = self._world.database.query("SELECT status, count(*) FROM ingestion_runs GROUP BY 1 ORDER BY 1")
        tally.runs = {status: int(count) for status, count in runs}


def _is_a_stop(follower: Follower, code: int) -> bool:
    """By a signal: one that comes before Python has imported what hears it ends the process as it ends any."""
    if follower.stopped_at is None:
        return False
    assert follower.memory is not None
    is_early = follower.stopped_at - follower.memory.began < _DEAF_SECONDS
    return code == 5 or (is_early and -code in {signal.SIGTERM, signal.SIGINT})


def play(
    database: Database, directory: Path, seed: int, minutes: float, slices: int, processes: int, every: int
) -> Tally:
    """One game. The logs are left in the directory."""
    world = World(database, directory, seed, slices, every)
    try:
        return ManyGame(world, random.Random(seed), minutes, processes).play()
    finally:
        world.close()
