"""Two machines beside one: slices whose pages wait for the API, so that no processor is the limit; and one budget.

``two`` syncs what is named, and ends; the driver's exit code says that all of it is complete.
"""

from __future__ import annotations

import time

from bench.machines.game import Game
from bench.torture.many.api import BUDGET

TIMES = 1.9
_SLICES_A_MACHINE = "4"
_WAIT_MS = 200
_RECORDS = 6_000
_OF_A_BUDGET = 300
_BEGUN_PAGES = 20
_WINDOW_SECONDS = 15.0
_ENDS_WITHIN_SECONDS = 180.0


def two(game: Game) -> None:
    """Pages a second of one machine and of two, one bundle each; then slices of one credential on both."""
    fleet, outcome = game.fleet, game.outcome
    game.wait_ms(_WAIT_MS)
    game.grow(_RECORDS, "shelf")
    fleet.start(workers=1)
    whole = fleet.start_driver("shelf", "--bundle", _SLICES_A_MACHINE, "--concurrency", _SLICES_A_MACHINE)
    one = _pages_a_second(game)
    second = fleet.machines[1]
    fleet.start_worker(second)
    game.until_it_has_something(second)
    both = _pages_a_second(game)
    game.wait_ms(0)
    code = whole.wait(_ENDS_WITHIN_SECONDS)
    outcome.check(code == 0, f"the driver of the slices ended with exit code {code}")
    outcome.measured.append(f"{one:.1f} pages/s on one machine, {both:.1f} on two: {both / one:.2f} times as many")
    outcome.reach(both >= TIMES * one, f"two machines are not {TIMES:g} times one")
    _share_a_budget(game)


def budget(game: Game) -> None:
    """The second half of ``two``."""
    game.fleet.start(workers=2)
    _share_a_budget(game)


def _share_a_budget(game: Game) -> None:
    game.grow(_OF_A_BUDGET, "ledger")
    began = time.monotonic()
    code = game.fleet.start_driver("ledger", "--concurrency", _SLICES_A_MACHINE).wait(_ENDS_WITHIN_SECONDS)
    seconds = time.monotonic() - began
    game.outcome.check(code == 0, f"the driver of the shared credential ended with exit code {code}")
    machines = game.watching.machines_of("ledger.entries")
    game.outcome.reach(len(machines) > 1, f"the slices of one credential were all on {', '.join(machines)}")
    asked, over = game.asked_of("ledger")
    game.outcome.measured.append(
        f"a budget of {BUDGET[0]} requests in {BUDGET[1]:g} s, on {len(machines)} machines:"
        f" {asked} requests in {seconds:.0f} s, {over} too many"
    )


def _pages_a_second(game: Game) -> float:
    start = game.watching.pages()
    game.until(lambda: game.watching.pages() >= start + _BEGUN_PAGES, "pages")
    began, pages = time.monotonic(), game.watching.pages()
    time.sleep(_WINDOW_SECONDS)
    return (game.watching.pages() - pages) / (time.monotonic() - began)
