"""``python -m bench.torture [--minutes N | --kills N] [--seed S]``, or ``--many``, ``--mutants``, ``--mutant NAME``.

With ``--many``: slices of three sources kept fresh by ``scrapy sync --follow``, more than one process at a time.

Exit code 0: nothing was found wrong (with mutants: each was caught, and the code as it is was not). 1: something was.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.torture.game import STRIKES, Round, Tally
from bench.torture.many import game as many
from bench.torture.many import report as many_report
from bench.torture.many.world import SOURCES
from bench.torture.mutants import MUTANTS
from bench.torture.scenario import Scenario
from bench.torture.scenarios import SCENARIOS
from bench.torture.scenarios import play as play_scenario
from bench.torture.world import Database


def play(seed: int, seconds: float, kills: int | None, strikes: dict[str, int]) -> Tally:
    """Rounds until the time or the kills are used up, or something was found."""
    chance, tally, started = random.Random(seed), Tally(), time.monotonic()
    database = Database()
    with TemporaryDirectory(prefix="datasync-torture-logs-") as logs:
        try:
            while time.monotonic() - started < seconds and (kills is None or tally.kills < kills):
                log_path = Path(logs) / f"round-{tally.rounds + 1}.log"
                game = Round(database, chance, tally, log_path, started + seconds, strikes)
                with contextlib.suppress(TimeoutError, subprocess.TimeoutExpired):
                    game.play()
                minutes = (time.monotonic() - started) / 60
                print(f"  {minutes:6.1f} min  {tally.checks} checks  {dict(tally.injected)}", flush=True)
                if tally.wrong:
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
    print(f"  reach: {tally.kills} kills, {tally.injected['power loss']} crashes of PostgreSQL,", end=" ")
    print(f"{tally.injected['connections cut']} connections cut, {tally.rejected:,} hostile events rejected")
    print(f"  exit codes of {sum(tally.exit_codes.values())} runs: {dict(sorted(tally.exit_codes.items()))}")
    print(f"  {tally.checks} comparisons of all tables with {tally.events:,} events served,", end=" ")
    print(f"{tally.totals} of the totals")
    print(f"  {tally.early_requests} requests earlier than a 429 allowed")
    for finding in tally.wrong[:20]:
        print(f"WRONG: {finding}")
    print("nothing was lost, nothing came twice" if not tally.wrong else f"{len(tally.wrong)} findings")


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's text."""
    # What was started here ends here, also when someone has seen enough.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # A shell's background is deaf to it, and all that is started there would be.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--kills", type=int, help="stop after so many kills of crawls, if that comes first")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--many", action="store_true", help="many slices, kept fresh by processes that are killed")
    parser.add_argument("--slices", type=int, default=200, help="with --many (200)")
    parser.add_argument("--processes", type=int, default=2, help="with --many (2)")
    parser.add_argument("--every", type=int, default=20, metavar="SECONDS", help="with --many: how often each (20)")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="play this one in its scenario")
    parser.add_argument("--mutants", action="store_true", help="play each mutant in its scenario")
    parser.add_argument("--only", nargs="+", choices=sorted(STRIKES), help="do only this to the crawls")
    options = parser.parse_args(arguments)
    if options.mutants or options.mutant:
        return play_mutants([options.mutant] if options.mutant else list(MUTANTS))
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    if options.many:
        if options.slices < len(SOURCES) or options.processes < 1:
            parser.error(f"--slices must be at least {len(SOURCES)}, --processes 1")
        return play_many(seed, options.minutes, options.slices, options.processes, options.every)
    strikes = {name: weight for name, weight in STRIKES.items() if not options.only or name in options.only}
    started = time.monotonic()
    tally = play(seed, options.minutes * 60, options.kills, strikes)
    report(tally, seed, (time.monotonic() - started) / 60)
    return 1 if tally.wrong or tally.early_requests else 0


def play_many(seed: int, minutes: float, slices: int, processes: int, every: int) -> int:
    """The logs are left where something was found."""
    database, started = Database(), time.monotonic()
    with TemporaryDirectory(prefix="datasync-torture-many-") as directory:
        try:
            tally = many.play(database, Path(directory), seed, minutes, slices, processes, every)
        finally:
            database.close()
        many_report.report(tally, seed, (time.monotonic() - started) / 60, slices, processes)
        if tally.wrong:
            for log in Path(directory).glob("*.log"):
                shutil.copy(log, f"torture-many-{log.name}")
    return 1 if tally.wrong else 0


def play_mutants(names: Sequence[str]) -> int:
    """Each scenario with the code as it is, which must pass, then each mutant in its own, caught in each."""
    failures = 0
    database = Database()
    with TemporaryDirectory(prefix="datasync-torture-logs-") as logs:
        try:
            for scenario in dict.fromkeys(scenario for name in names for scenario in SCENARIOS[name]):
                wrong, seconds = _tried(scenario, database, Path(logs), None)
                failures += bool(wrong)
                said = f"FAILED without any mutant: {wrong[0]}" if wrong else "passes without a mutant"
                print(f"{scenario.__name__}: {said} ({seconds:.0f} s)", flush=True)
            for mutant in names:
                for scenario in SCENARIOS[mutant]:
                    wrong, seconds = _tried(scenario, database, Path(logs), mutant)
                    failures += not wrong
                    said = f"caught after {seconds:.0f} s: {wrong[0]}" if wrong else f"SURVIVED ({seconds:.0f} s)"
                    print(f"{mutant}, {scenario.__name__}: {said}", flush=True)
        finally:
            database.close()
    return 1 if failures else 0


def _tried(scenario: Scenario, database: Database, logs: Path, mutant: str | None) -> tuple[list[str], float]:
    started = time.monotonic()
    wrong = play_scenario(scenario, database, logs / f"{scenario.__name__}-{mutant}.log", mutant)
    return wrong, time.monotonic() - started


if __name__ == "__main__":
    raise SystemExit(main())
