"""``python -m bench.torture [--minutes N | --kills N] [--seed S] [--mutant NAME | --mutants]``.

Exit code 0: nothing was found wrong (with ``--mutants``: every mutant was caught). 1: something was.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.torture.game import Round, Tally
from bench.torture.mutants import MUTANTS
from bench.torture.world import Database


def play(seed: int, seconds: float, kills: int | None, mutant: str | None, *, stop_at_first: bool) -> Tally:
    """Rounds until the time or the kills are used up, or something was found."""
    chance, tally, started = random.Random(seed), Tally(), time.monotonic()
    database = Database()
    with TemporaryDirectory(prefix="datasync-torture-logs-") as logs:
        try:
            while time.monotonic() - started < seconds and (kills is None or tally.kills < kills):
                log_path = Path(logs) / f"round-{tally.rounds + 1}.log"
                game = Round(database, chance, tally, log_path, mutant, started + seconds)
                with contextlib.suppress(TimeoutError, subprocess.TimeoutExpired):
                    game.play()
                minutes = (time.monotonic() - started) / 60
                print(f"  {minutes:6.1f} min  {tally.checks} checks  {dict(tally.injected)}", flush=True)
                if tally.wrong and stop_at_first:
                    if mutant is None:
                        Path("torture-failed.log").write_bytes(log_path.read_bytes())
                    break
        finally:
            database.close()
    return tally


def report(tally: Tally, seed: int, minutes: float) -> None:
    """Prints what was injected and what was checked."""
    print(f"seed {seed}, {minutes:.1f} minutes, {tally.rounds} rounds")
    for name, count in sorted(tally.injected.items()):
        print(f"  {count:6}  {name}")
    print(f"  exit codes of {sum(tally.exit_codes.values())} runs: {dict(sorted(tally.exit_codes.items()))}")
    compared = f"{tally.checks} comparisons of all tables with {tally.events:,} events served"
    print(f"  {compared}, {tally.rejected:,} of them hostile")
    print(f"  {tally.early_requests} requests earlier than a 429 allowed")
    for finding in tally.wrong[:20]:
        print(f"WRONG: {finding}")
    print("nothing was lost, nothing came twice" if not tally.wrong else f"{len(tally.wrong)} findings")


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--kills", type=int, help="stop after so many kills of crawls, if that comes first")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--mutants", action="store_true", help="play each mutant until it is caught")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    if options.mutants:
        return _play_mutants(seed, options.minutes * 60)
    started = time.monotonic()
    tally = play(seed, options.minutes * 60, options.kills, options.mutant, stop_at_first=True)
    report(tally, seed, (time.monotonic() - started) / 60)
    return 1 if tally.wrong or tally.early_requests else 0


def _play_mutants(seed: int, seconds: float) -> int:
    survivors = []
    for name in MUTANTS:
        started = time.monotonic()
        tally = play(seed, seconds, None, name, stop_at_first=True)
        if tally.wrong:
            print(f"caught   {name} after {time.monotonic() - started:.0f} s: {tally.wrong[0]}", flush=True)
        else:
            survivors.append(name)
            print(f"SURVIVED {name} for {time.monotonic() - started:.0f} s", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
