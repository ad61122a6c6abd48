"""The cable of a worker's machine is cut, and no one hears of it; when it is whole again, the machine is a zombie.

What it had is taken over meanwhile. Its processes believe to have leases, and go on until they find out. In every other
round its worker lets them be stopped when it finds the scheduler gone; in the others it is frozen as long as its
machine is cut off, so that they are alive for sure when the cable is whole again, and have to look at the fence.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from functools import partial

from bench.machines.fleet import Fleet
from bench.machines.game import Game
from bench.machines.machines import Machine
from bench.machines.watching import Held

WITHIN_SECONDS = 60.0
_PORTION = 600
_WAIT_MS = 150
_IN_FLIGHT_SECONDS = 0.5
_ENDS_WITHIN_SECONDS = 60.0


@dataclass(slots=True)
class _Tally:
    """``alive``: processes when the cable was whole again. ``refused``: runs that have found the fence."""

    seconds: list[float] = field(default_factory=list)
    runs: int = 0
    alive: int = 0
    refused: int = 0


def cut(game: Game) -> None:
    """From the cut to the first commit elsewhere; then what the zombie does."""
    game.begin_to_follow(_PORTION, _WAIT_MS)
    tally = _Tally()
    for turn in range(game.rounds):
        _round(game, game.chance.choice(game.fleet.machines[1:]), tally, is_frozen=turn % 2 == 0)
        if game.outcome.wrong:
            break
    game.finish()
    listed = ", ".join(f"{one:.1f}" for one in tally.seconds)
    game.outcome.measured += [
        f"cuts: {len(tally.seconds)}; first commit elsewhere after {listed} s",
        f"of {tally.runs} runs {tally.alive} were alive when the cable was whole again; {tally.refused} found a fence",
    ]
    game.outcome.reach(max(tally.seconds) <= WITHIN_SECONDS, f"the worst is over {WITHIN_SECONDS:g} s")


def _round(game: Game, victim: Machine, tally: _Tally, *, is_frozen: bool) -> None:
    fleet, watching, outcome = game.fleet, game.watching, game.outcome
    began, held = _cut_off(game, victim)
    if is_frozen:
        fleet.send(victim, signal.SIGSTOP)
    game.until(partial(watching.has_gone_on, held), "a commit elsewhere")
    tally.seconds.append(time.monotonic() - began)
    game.until(partial(watching.are_fenced, held), "the fences of all that was cut off")
    before, zombies = watching.written_by(held), fleet.bundles_of(victim)
    victim.mend()
    game.until(partial(_have_ended, fleet, victim, zombies), "the end of the zombies", _ENDS_WITHIN_SECONDS)
    refused, after = watching.refused(held), watching.written_by(held)
    outcome.check(before == after, f"a zombie has written: {before} became {after} (run, pages, ledger)")
    outcome.reach(not is_frozen or refused > 0, f"none of {len(zombies)} zombies has tried to write")
    if is_frozen:
        fleet.send(victim, signal.SIGCONT)
    tally.runs += len(held.runs)
    tally.alive += len(zombies)
    tally.refused += refused


def _cut_off(game: Game, victim: Machine) -> tuple[float, Held]:
    """At a moment when it has slices; when that was, and which."""
    while True:
        game.play_on(0.5, 2.0)
        game.until_it_has_something(victim)
        began = victim.cut()
        # What was on its way has arrived by then.
        game.play_on(_IN_FLIGHT_SECONDS, _IN_FLIGHT_SECONDS)
        if held := game.watching.held_by(victim.name):
            return began, held
        # They have ended at that very moment.
        victim.mend()


def _have_ended(fleet: Fleet, machine: Machine, processes: list[int]) -> bool:
    return not {*processes} & {*fleet.bundles_of(machine)}
