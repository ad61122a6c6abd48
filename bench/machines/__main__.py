"""``python -m bench.machines [--case NAME]… [--seed N] [--machines N] [--rounds N]``, as root.

Cases of a fleet on machines that are namespaces, and controls, which have a mistake in what workers run. The seed
decides when it strikes, and whom.

Exit code 0: each reach was met, no record was lost or came twice, and each control was caught. 1: not so. 2: it cannot
be played here.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.machines.cases import CASES, CONTROLS, Case
from bench.machines.game import Outcome, played
from bench.machines.inside import Impossible, enter, is_inside

_DIRECTORY = "datasync-machines-"
_FAILED = 1
_NOT_HERE = 2
_MOST_FINDINGS = 5
_MACHINES = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's text."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m bench.machines", description=__doc__)
    names = [*CASES, *CONTROLS]
    parser.add_argument("--case", action="append", choices=names, help="play this one (all), may be given again")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--machines", type=int, default=_MACHINES, help=f"so many that have workers ({_MACHINES})")
    parser.add_argument("--rounds", type=int, help="strike so often, instead of as often as the case says")
    options = parser.parse_args(given)
    if options.machines < 2:
        parser.error("--machines must be at least 2: what one has lost goes on at another")
    if not is_inside():
        return _inside([*given, "--seed", str(options.seed)])
    print(f"seed {options.seed}, {options.machines} machines with workers, load {_load()}", flush=True)
    failed = [name for name in options.case or names if not _play(name, options.seed, options.machines, options.rounds)]
    print(f"not met: {', '.join(failed)}" if failed else "all of it is met")
    return _FAILED if failed else 0


def _inside(arguments: Sequence[str]) -> int:
    """The same command in namespaces of its own; whatever ends this process ends all that it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_FAILED))
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=f"{_DIRECTORY}{os.getpid()}-") as directory:
        # The server's account passes through it.
        Path(directory).chmod(0o711)
        command = [sys.executable, "-m", "bench.machines", *arguments]
        try:
            process = enter(command, {**os.environ, "TMPDIR": directory})
        except Impossible as error:
            print(f"bench.machines: {error}", file=sys.stderr)
            return _NOT_HERE
        try:
            return process.wait()
        finally:
            process.kill()
            process.wait()


def _remove_left_behind() -> None:
    """The files of commands that were killed: nothing else is left of them."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_DIRECTORY}*"):
        pid = directory.name.removeprefix(_DIRECTORY).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(directory, ignore_errors=True)


def _play(name: str, seed: int, machines: int, rounds: int | None) -> bool:
    """Whether it has come out as it should."""
    case = CASES.get(name) or CONTROLS[name]
    began, load = time.monotonic(), _load()
    outcome = _outcome(name, case, seed, machines, rounds)
    is_met = case.is_met(outcome)
    said = ("met" if is_met else "NOT MET") if case.mutant is None else ("caught" if is_met else "NOT CAUGHT")
    print(f"{name}: {said} ({case.reach}); {time.monotonic() - began:.0f} s, load {load} before and {_load()} after")
    for text in outcome.measured:
        print(f"  {text}")
    print(f"  {outcome.served:,} records served were compared, {outcome.rejected:,} of them rejected")
    for text in outcome.missed:
        print(f"  missed: {text}")
    for text in outcome.wrong[:_MOST_FINDINGS]:
        print(f"  WRONG: {text}")
    sys.stdout.flush()
    return is_met


def _outcome(name: str, case: Case, seed: int, machines: int, rounds: int | None) -> Outcome:
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as text:
        directory = Path(text)
        directory.chmod(0o711)
        try:
            plan = case.plan(machines)
            with played(directory, seed, case.machines(machines), rounds or case.rounds, plan) as game:
                outcome = game.outcome
                case.play(game)
        except Exception as error:  # noqa: BLE001 - the other cases are still to be played
            traceback.print_exc()
            outcome.missed.append(f"it did not come to its end: {type(error).__name__}: {error}")
        if not case.is_met(outcome):
            for log in directory.glob("**/*.log"):
                shutil.copy(log, f"machines-{name}-{log.name}")
    return outcome


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
