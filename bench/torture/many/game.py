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
from collections.abc import Mapping
from pathlib import Path

from bench.torture.many.follower import STOPS_WITHIN_SECONDS, Follower
from bench.torture.many.strikes import OF_PROCESSES, PLACES, STRIKES, strike_database
from bench.torture.many.tally import Tally
from bench.torture.many.watching import Lateness
from bench.torture.many.world import LEASE_TTL_MS, SOURCES, World
from bench.torture.oracle import compare_totals
from bench.torture.world import Database

_TICK_SECONDS = 0.1
_FIRST_STRIKE_SECONDS = 8.0
_TOTALS_EVERY_SECONDS = 30.0
_LOOKS_EVERY_SECONDS = 3.0
_LAST_SYNC_SECONDS = 900.0
_LAST_SYNCS = 5
_MOST_SICK = 3
# A refusal stands in the database by then, unless whoever met it was struck, or the database.
_PASSES_ON_SECONDS = 3.0


class ManyGame:
    """``minutes`` of strikes, with ``processes`` at a time, each with so many ``places`` for slices."""

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
        self._world = world
        self._chance = chance
        self._strikes = strikes
        self._places = places
        self._began = time.monotonic()
        self._ends = self._began + minutes * 60
        self._followers = [Follower(world, number, places) for number in range(1, processes + 1)]
        self._lateness = Lateness(world.database, world.every)
        self._next = dict.fromkeys(("strike", "growth", "sickness", "look", "totals", "word"), 0.0)

    def play(self) -> Tally:
        self._world.grow({feed: (self._chance.randrange(1, 90), 0) for feed in self._world.feeds})
        self._later("strike", min(_FIRST_STRIKE_SECONDS, (self._ends - self._began) / 3))
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
            # With a process from now on of which it is known when it began.
            self._followers[0].is_quiet = True
            self._stop(self._followers[0])
        if self._is_time("growth", 0.5, 1.5):
            self._grow()
        if self._is_time("sickness", 5.0, 20.0):
            sick = self._chance.sample(self._world.feeds, self._chance.randrange(_MOST_SICK + 1))
            self._world.apis.control("sick", sick)
        if self._is_time("strike", 2.0, 8.0):
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

    def _grow(self) -> None:
        chance, by = self._chance, {}
        for feed in chance.sample(self._world.feeds, min(len(self._world.feeds), chance.randrange(1, 12))):
            # Also about as many as a page has.
            by[feed] = chance.choice([0, 1, 1, 2, 5, 19, 20, 21, 70]), chance.choice([0, 1, 3])
        self._world.grow(by)
        self.tally.grown += sum(new for new, _ in by.values())
        self.tally.changed += sum(changed for _, changed in by.values())

    # The processes

    def _attend(self, follower: Follower) -> None:
        """What has ended is begun again."""
        if not follower.is_under_way:
            if time.monotonic() >= follower.begins_at:
                settings = {}
                if not follower.is_quiet and self._chance.random() < 0.25:
                    place, hits = self._chance.choice(PLACES), self._chance.randrange(1, 60)
                    settings["DATASYNC_FAILPOINT"] = f"{place}@{hits}=kill"
                follower.begin(settings)
            return
        code = follower.attend()
        if code is not None:
            self._ended(follower, code)
        elif follower.is_overdue:
            self.tally.wrong.append(f"process {follower.number} did not stop within {STOPS_WITHIN_SECONDS:g} s")

    def _ended(self, follower: Follower, code: int) -> None:
        self.tally.exit_codes[code] += 1
        if follower.stopped_at is not None:
            self.tally.slowest_stop = max(self.tally.slowest_stop, time.monotonic() - follower.stopped_at)
        if follower.has_crashed(code):
            self._note("crash at a named place")
        if not follower.may_end_with(code):
            self.tally.wrong.append(f"process {follower.number} ended by itself, with exit code {code}")
        follower.rest(self._chance.uniform(0.0, 2.0))

    def _stop(self, follower: Follower) -> None:
        follower.stop(self._chance.choice([signal.SIGTERM, signal.SIGINT]))

    # The strikes

    def _strike(self) -> None:
        name = self._chance.choices(list(self._strikes), list(self._strikes.values()))[0]
        follower = self._chance.choice(self._followers)
        if name not in OF_PROCESSES:
            if cut := strike_database(self._world.database, self._chance, name):
                self.tally.injected["connections cut"] += cut
        elif not follower.may_be_struck:
            return
        elif name == "kill":
            follower.kill()
        elif name == "signal":
            self._stop(follower)
        else:
            follower.freeze(LEASE_TTL_MS / 1000 * self._chance.uniform(0.5, 1.6))
        self._note(name)

    def _note(self, name: str) -> None:
        self.tally.injected[name] += 1
        self.tally.struck.append((time.monotonic(), name))

    # What is looked at

    def _look(self) -> None:
        self._lateness.look()
        for follower in self._followers:
            if follower.memory is not None and follower.is_under_way:
                follower.memory.look()
        if self._is_time("word", 30.0, 30.0):
            minutes = (time.monotonic() - self._began) / 60
            print(f"  {minutes:5.1f} min  {self._lateness}  {dict(self.tally.injected)}", flush=True)

    def _check_totals(self) -> None:
        """Complete or not, what is committed must be consistent at every moment."""
        self.tally.totals += 1
        self.tally.wrong += compare_totals(self._world.database.direct_url).wrong

    # The end

    def _calm_down(self) -> None:
        """Nothing is done any more, and all processes are asked to stop."""
        self._world.database.proxy.flow()
        self._world.apis.control("well", {})
        under_way = [follower for follower in self._followers if follower.is_under_way]
        for follower in under_way:
            follower.thaw()
            self._stop(follower)
        for follower in under_way:
            self._ended(follower, follower.wait())

    def _finish(self) -> None:
        """Each slice is synced once more, by name, and compared with its feed.

        Twice: a pass that was begun when the feed was shorter is gone on with, and says nothing of what came since.
        """
        tally = self.tally
        for _ in range(_LAST_SYNCS):
            # What the killed ones held for a moment may still be theirs.
            sync = self._world.sync(*SOURCES, "--concurrency", str(self._places), log="last.log")
            tally.last_syncs.append(sync.process.wait(_LAST_SYNC_SECONDS))
            if tally.last_syncs.count(0) == 2:
                break
        else:
            tally.wrong.append(f"the last syncs ended with exit codes {tally.last_syncs}")
        self._check_totals()
        found = self._world.judge()
        tally.events, tally.stored, tally.rejected = found.events, found.stored, found.rejected
        tally.wrong += found.wrong

    def _count(self) -> None:
        tally = self.tally
        counts = self._world.counts()
        tally.requests = counts["requests"]
        for one in counts["breaches"]:
            heard_at = one["heard_at"]
            if heard_at is not None and tally.was_struck(heard_at - _PASSES_ON_SECONDS, heard_at + _PASSES_ON_SECONDS):
                tally.unheard += 1
                continue
            ago = tally.struck_before(one["monotonic"])
            tally.wrong.append(f"{one['kind']}: {one['feed']}, {one['detail']}; struck before: {ago}")
        if self._lateness.starved is not None:
            tally.wrong.append(f"passed over: {self._lateness.starved}")
        tally.lateness = str(self._lateness)
        if self._followers[0].is_quiet and self._followers[0].memory is not None:
            tally.memory = str(self._followers[0].memory)
        runs = self._world.database.query("SELECT status, count(*) FROM ingestion_runs GROUP BY 1 ORDER BY 1")
        tally.runs = {status: int(count) for status, count in runs}


def play(
    database: Database, directory: Path, seed: int, minutes: float, slices: int, processes: int, every: int
) -> Tally:
    """One game. The logs are left in the directory."""
    world = World(database, directory, seed, slices, every)
    try:
        return ManyGame(world, random.Random(seed), minutes, processes).play()
    finally:
        world.close()
