"""The cases by their names: what is played, how often it strikes, and with which slices.

A case is a function of a game. Where a bundle is killed, what it had goes to a place that is free: so there are places
for all of the slices on one machine less than there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.machines.cases.cut import cut
from bench.machines.cases.kill import kill
from bench.machines.cases.restarts import database, driver, scheduler
from bench.machines.cases.two import budget, two
from bench.machines.fleet import Plan
from bench.machines.game import Game, Outcome
from bench.torture.many.api import PAGE

_SLICES = {"shelf": 4, "ledger": 2}
_SLICES_OF_TWO = {"shelf": 8, "ledger": 8}


@dataclass(frozen=True, slots=True)
class Case:
    """``mutant``: a mistake in what workers run; ``finding``: words that must be found to be wrong then."""

    play: Callable[[Game], None]
    reach: str
    rounds: int
    slices: dict[str, int]
    most_machines: int | None = None
    mutant: str | None = None
    finding: str = ""

    def is_met(self, outcome: Outcome) -> bool:
        """A mistake must be found out in what is stored or was asked: that something takes too long is no proof."""
        if self.mutant is not None:
            return any(self.finding in text for text in outcome.wrong)
        return not outcome.wrong and not outcome.missed

    def machines(self, wanted: int) -> int:
        return min(wanted, self.most_machines or wanted)

    def plan(self, wanted: int) -> Plan:
        """``wanted``: machines with workers."""
        tenants = {source: [f"t{number}" for number in range(count)] for source, count in self.slices.items()}
        others = max(self.machines(wanted) - 1, 1)
        processes = 1 if self.most_machines else -(-sum(self.slices.values()) // others)
        # Each page is a transaction, so that nearly always something is being written.
        settings = {"WRITE_BATCH_SIZE": str(PAGE), "API_TIMEOUT_MS": "5000", "API_RETRY_MAX_MS": "200"}
        return Plan(tenants, processes, settings, mutant=self.mutant)


CASES = {
    "kill": Case(kill, "median ≤ 2 s, worst ≤ 5 s; exact", 10, _SLICES),
    "cut": Case(cut, "≤ 60 s; the zombie writes nothing; exact", 5, _SLICES),
    "scheduler": Case(scheduler, "everything finishes without a hand; exact", 3, _SLICES),
    "driver": Case(driver, "everything finishes without a hand; exact", 3, _SLICES),
    "database": Case(database, "everything finishes without a hand; exact", 3, _SLICES),
    "two": Case(two, "≥ 1.9 times one machine; the budget kept; exact", 1, _SLICES_OF_TWO, most_machines=2),
}
CONTROLS = {
    "no-fence": Case(cut, "caught", 1, _SLICES, mutant="fence_not_checked", finding="a zombie has written"),
    "checkpoint-first": Case(
        kill, "caught", 10, _SLICES, mutant="cursor_in_a_transaction_of_its_own", finding="state and table differ"
    ),
    "own-budgets": Case(
        *(budget, "caught", 1, {"ledger": 8}),
        most_machines=2,
        mutant="a_budget_is_each_processs_own",
        finding="over: ledger",
    ),
}
"""Each with a mistake: what is looked at must find it."""
