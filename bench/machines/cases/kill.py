"""All processes of a worker's machine are killed at once, with its syncs; it is switched on again each time."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from bench.machines.game import Game
from bench.torture.oracle import compare_totals

MEDIAN_SECONDS = 2.0
WORST_SECONDS = 5.0
_PORTION = 600
_WAIT_MS = 100


def kill(game: Game) -> None:
    """From the kill to the first commit elsewhere of a slice that it had."""
    fleet, outcome = game.fleet, game.outcome
    game.begin_to_follow(_PORTION, _WAIT_MS)
    seconds: list[float] = []
    for _ in range(game.rounds):
        victim = game.chance.choice(fleet.machines[1:])
        game.play_on(0.5, 2.5)
        held = game.until_it_has_something(victim)
        began = victim.kill()
        game.until(partial(game.watching.has_gone_on, held), "a commit elsewhere")
        seconds.append(time.monotonic() - began)
        outcome.wrong += compare_totals(game.postgres.own_url).wrong
        if outcome.wrong or len(seconds) == game.rounds:
            break
        victim.switch_on()
        fleet.start_worker(victim)
        fleet.wait_for_worker(victim)
    game.finish()
    outcome.measured.append(
        f"kills: {len(seconds)}; first commit elsewhere after {median(seconds):.2f} s, worst {max(seconds):.2f} s"
        f" ({', '.join(f'{one:.2f}' for one in sorted(seconds))})"
    )
    outcome.reach(median(seconds) <= MEDIAN_SECONDS, f"the median is over {MEDIAN_SECONDS:g} s")
    outcome.reach(max(seconds) <= WORST_SECONDS, f"the worst is over {WORST_SECONDS:g} s")
