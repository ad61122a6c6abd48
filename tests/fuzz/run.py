"""Fuzzes the compiled reading of pages: ``python -m tests.fuzz.run --seconds 60`` in the checkout.

Exit code 1: it found something, whose input then lies in the folder of what was found, or it could not be run.
``--merge`` takes inputs from a longer run's folder into the corpus.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support.fuzzing import CORPUS, NoFuzzer, build, fuzz, merge

_FOUND = Path(__file__).resolve().parents[2] / ".datasync" / "fuzz"


def main() -> str | None:
    """What went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, default=_FOUND, metavar="FOLDER", help="default: .datasync/fuzz")
    parser.add_argument("--merge", action="store_true", help="take what was found into the corpus, and end")
    wanted = parser.parse_args()
    wanted.found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "scan")
        try:
            build(program)
        except NoFuzzer as reason:
            return f"nothing was fuzzed: {reason}"
        if wanted.merge:
            merge(program, wanted.found)
            return None
        outcome = fuzz(program, wanted.seconds, wanted.found)
    if outcome.found_something:
        return f"{outcome.said}\nthe fuzzer found something, or could not go on; its input is in {wanted.found}"
    seeds = len(list(CORPUS.iterdir()))
    print(f"{outcome.units} inputs in {wanted.seconds} seconds, from {seeds} in the corpus, and no fault")
    return None if outcome.units > seeds else "that is no more than the corpus"


if __name__ == "__main__":
    sys.exit(main())
