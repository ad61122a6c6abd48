"""The cable of a worker's machine is cut, and no one hears of it; when it is whole again, the machine is a zombie.

What it had is taken over meanwhile. It still has processes that believe to have leases, and what they have fetched.
"""

from __future__ import annotations

import time
from functools import partial

from bench.machines.fleet import Fleet
from bench.machines.game import Game
from bench.machines.network import Machine

WITHIN_SECONDS = 60.0
_PORTION = 600
_WAIT_MS = 150
_IN_FLIGHT_SECONDS = 0.5
_ENDS_WITHIN_SECONDS = 60.0


def cut(game: Game) -> None:
    """From the cut to the first commit elsewhere; then what the zombie does."""
    fleet, watching, outcome = game.fleet, game.watching, game.outcome
    game.begin_to_follow(_PORTION, _WAIT_MS)
    seconds: list[float] = []
    alive = tried = runs = 0
    for _ in range(game.rounds):
        victim = game.chance.choice(fleet.machines[1:])
        game.play_on(0.5, 2.0)
        game.until_it_has_something(victim)
        began = victim.cut()
        # What was on its way has arrived by then.
        game.play_on(_IN_FLIGHT_SECONDS, _IN_FLIGHT_SECONDS)
        held = watching.held_by(victim.name)
        game.until(partial(watching.has_gone_on, held), "a commit elsewhere")
        seconds.append(time.monotonic() - began)
        game.until(partial(watching.are_fenced, held), "the fences of all that was cut off")
        before, zombies = watching.written_by(held), set(fleet.bundles_of(victim))
        alive += len(zombies)
        runs += len(held.runs)
        victim.mend()
        game.until(partial(_have_ended, fleet, victim, zombies), "the end of the zombies", _ENDS_WITHIN_SECONDS)
        found_out = watching.found_out(held)
        tried += found_out
        outcome.reach(found_out > 0, f"no zombie of round {len(seconds)} has tried to write: {len(zombies)} were alive")
        after = watching.written_by(held)
        outcome.check(before == after, f"a zombie has written: {before} became {after} (run, pages, ledger)")
        if outcome.wrong:
            break
    game.finish()
    outcome.measured.append(
        f"{len(seconds)} cuts; first commit elsewhere after {', '.join(f'{one:.1f}' for one in seconds)} s"
    )
    outcome.measured.append(
        f"{alive} processes alive when the cable was whole again; {tried} of {runs} runs tried, and found a fence"
    )
    outcome.reach(max(seconds) <= WITHIN_SECONDS, f"the worst is over {WITHIN_SECONDS:g} s")


def _have_ended(fleet: Fleet, machine: Machine, processes: set[int]) -> bool:
    return not processes & set(fleet.bundles_of(machine))
