"""Scheduler, driver and database go away and come back, as systemd would have it; no one does anything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.machines.game import Game
from bench.machines.watching import Watching

_PORTION = 600
_WAIT_MS = 100
_STARTS_AGAIN_SECONDS = 1.0
_AWAY_SECONDS = 30.0


def scheduler(game: Game) -> None:
    """From its new start to the first commit of a run that was begun after its end."""
    _killed(game, "scheduler", game.fleet.start_scheduler)


def driver(game: Game) -> None:
    """The same."""
    _killed(game, "driver", lambda: game.fleet.start_driver("--follow"))


def _killed(game: Game, node: str, start: Callable[[], object]) -> None:
    game.begin_to_follow(_PORTION, _WAIT_MS)
    seconds: list[float] = []
    for _ in range(game.rounds):
        game.play_on(1.0, 4.0)
        game.fleet.kill(node)
        newest = game.watching.newest_run()
        game.play_on(_STARTS_AGAIN_SECONDS, _STARTS_AGAIN_SECONDS)
        start()
        began = time.monotonic()
        game.until(partial(game.watching.has_committed_after, newest), "a run that was begun after it")
        seconds.append(time.monotonic() - began)
    game.finish()
    listed = ", ".join(f"{one:.1f}" for one in seconds)
    game.outcome.measured.append(f"kills: {len(seconds)}; first commit of a new run {listed} s after its new start")


def database(game: Game) -> None:
    """From its return to the first commit. It is stopped at once, or the cable of its machine is cut, by turns."""
    shared, postgres = game.fleet.shared, game.postgres
    game.begin_to_follow(_PORTION, _WAIT_MS)
    seconds: list[float] = []
    for turn in range(game.rounds):
        game.play_on(1.0, 4.0)
        is_cut = turn % 2 == 1
        (shared.cut if is_cut else postgres.stop)()
        # The APIs may be out of reach as well, so nothing grows.
        time.sleep(_AWAY_SECONDS)
        (shared.mend if is_cut else postgres.start)()
        began, pages = time.monotonic(), game.watching.pages()
        game.until(partial(_has_more, game.watching, pages), "a commit")
        seconds.append(time.monotonic() - began)
    game.finish()
    listed = ", ".join(f"{one:.1f}" for one in seconds)
    game.outcome.measured.append(
        f"{len(seconds)} times away for {_AWAY_SECONDS:g} s, stopped and cut off by turns; a commit {listed} s later"
    )


def _has_more(watching: Watching, pages: int) -> bool:
    return watching.pages() > pages
