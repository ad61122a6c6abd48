"""One case from its machines to its last comparison: what all of the cases do.

Invariant: a case ends with all of its machines off, and with every record that the APIs served compared with what is
stored; it must be there exactly once, as a row or as a dead letter.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machines.fleet import Fleet, Plan
from bench.machines.machines import Machine, Network
from bench.machines.processes import eventually
from bench.machines.services import Postgres
from bench.machines.watching import Held, Watching
from bench.served import PROJECT
from bench.torture.many.sources import stream_of
from bench.torture.many.world import Apis
from bench.torture.oracle import compare, compare_totals

_TENDS_EVERY_SECONDS = 0.5
_FINISHES_WITHIN_SECONDS = 180.0


@dataclass(slots=True)
class Outcome:
    """``measured``: what is to be said of it. ``missed``: reaches. ``wrong``: what must never be, whatever is measured.

    ``served``: records that were compared.
    """

    measured: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    served: int = 0
    rejected: int = 0

    def reach(self, holds: bool, text: str) -> None:
        if not holds:
            self.missed.append(text)

    def check(self, holds: bool, text: str) -> None:
        if not holds:
            self.wrong.append(text)


class Game:
    """``chance`` decides when, and whom, it strikes; ``rounds``: how often."""

    def __init__(
        self, chance: random.Random, rounds: int, fleet: Fleet, postgres: Postgres, apis: Apis, feeds: list[str]
    ):
        self.chance = chance
        self.rounds = rounds
        self.fleet = fleet
        self.postgres = postgres
        self.watching = Watching(postgres)
        self.outcome = Outcome()
        self.feeds = feeds
        self._apis = apis
        self._served = dict.fromkeys(feeds, 0)
        self._portion = 0
        self._tended_at = 0.0

    # The feeds

    def wait_ms(self, milliseconds: int) -> None:
        """Each answer of the APIs takes so long from now on."""
        self._apis.control("slow", milliseconds)

    def grow(self, records: int, source: str = "") -> None:
        """Of each feed, or of those of one source."""
        feeds = [feed for feed in self.feeds if feed.startswith(source)]
        self._apis.control("grow", dict.fromkeys(feeds, (records, 0)))
        for feed in feeds:
            self._served[feed] += records

    def tend(self, portion: int) -> None:
        """From now on a feed grows by so many whenever all of it is stored, while something is waited for."""
        self._portion = portion

    def _grow_what_is_stored(self) -> None:
        if not self._portion or time.monotonic() < self._tended_at + _TENDS_EVERY_SECONDS:
            return
        self._tended_at = time.monotonic()
        stored = self.watching.stored()
        keys = {feed: stream_of(feed) for feed in self.feeds}
        done = [feed for feed, key in keys.items() if stored.get((key.name, key.slice or ""), 0) >= self._served[feed]]
        if done:
            self._apis.control("grow", dict.fromkeys(done, (self._portion, 0)))
            for feed in done:
                self._served[feed] += self._portion

    def asked_of(self, source: str) -> tuple[int, int]:
        """How many requests came, and how many of them were over a budget."""
        counts = self._counts()
        over = sum(one["kind"] == "over" and one["feed"].startswith(source) for one in counts["breaches"])
        return sum(counts["requests"].get(source, {}).values()), over

    def _counts(self) -> Any:
        return json.loads(self._apis.control("counts"))

    # Time

    def begin_to_follow(self, portion: int, wait_ms: int) -> None:
        """All that there is, and feeds that grow by so many records as soon as all of one is stored."""
        self.wait_ms(wait_ms)
        self.grow(portion)
        self.fleet.start()
        self.fleet.start_driver("--follow")
        self.tend(portion)
        keys = {(one.name, one.slice) for one in map(stream_of, self.feeds)}
        eventually(lambda: keys <= self.watching.stored().keys(), "the beginning of each slice")

    def until(self, holds: Callable[[], bool], what: str, seconds: float = _FINISHES_WITHIN_SECONDS) -> float:
        """As :func:`eventually`, while the feeds grow."""

        def look() -> bool:
            self._grow_what_is_stored()
            return holds()

        return eventually(look, what, seconds)

    def play_on(self, least: float, most: float) -> None:
        until = time.monotonic() + self.chance.uniform(least, most)
        self.until(lambda: time.monotonic() >= until, "the next strike")

    def until_it_has_something(self, machine: Machine) -> Held:
        """What that is."""
        held: list[Held] = []

        def look() -> bool:
            held[:] = [self.watching.held_by(machine.name)]
            return bool(held[0])

        self.until(look, f"a slice that {machine.name} syncs")
        return held[0]

    # The end

    def finish(self) -> None:
        """What is served now is synced to its end, without a hand."""
        self._portion = 0
        if self.outcome.wrong:
            return
        since = time.time()
        # Twice: a pass that was begun when the feed was shorter is gone on with, and says nothing of what came since.
        left: list[str] = []

        def look() -> bool:
            left[:] = self.watching.incomplete(since, 2)
            return not left

        try:
            eventually(look, "complete runs", _FINISHES_WITHIN_SECONDS)
        except TimeoutError:
            self.outcome.missed.append(f"not complete within {_FINISHES_WITHIN_SECONDS:g} s: {', '.join(left)}")

    def judge(self) -> None:
        """Everything is off but the database and the APIs."""
        outcome = self.outcome
        outcome.wrong += compare_totals(self.postgres.own_url).wrong
        for feed in self.feeds:
            truth = self._apis.control(f"truth?feed={feed}").splitlines()
            found = compare(self.postgres.own_url, truth, stream_of(feed))
            outcome.served += found.events
            outcome.rejected += found.rejected
            outcome.wrong += found.wrong
        outcome.wrong += [f"{one['kind']}: {one['feed']}, {one['detail']}" for one in self._counts()["breaches"]]


@contextmanager
def played(directory: Path, seed: int, machines: int, rounds: int, plan: Plan) -> Iterator[Game]:
    """A game on so many machines that have workers, whose feeds are empty and whose processes are not started."""
    with ExitStack() as stack:
        network = Network(machines + 1)
        stack.callback(network.close)
        shared = network.machines[0]
        logs = directory / "logs"
        logs.mkdir()
        postgres = Postgres(shared, directory / "postgres")
        apis = Apis(seed, plan.tenants, shared.address, shared.entering(PROJECT))
        stack.callback(apis.close)
        apis.control("well", {})
        fleet = Fleet(network, directory, logs, plan, apis.base_url, postgres.url)
        feeds = [f"{source}/{tenant}" for source, names in plan.tenants.items() for tenant in names]
        game = Game(random.Random(seed), rounds, fleet, postgres, apis, feeds)
        yield game
        for machine in fleet.machines:
            machine.kill()
        game.judge()
        postgres.hang_up()
