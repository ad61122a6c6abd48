"""libFuzzer over the compiled reading of pages: inputs are changed where the change reaches new code (tests/fuzz).

Needs clang with its runtime (Debian: ``clang libclang-rt-dev``), which nothing else does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.compiling import SOURCES

FOLDER = Path(__file__).resolve().parents[1] / "fuzz"
CORPUS = FOLDER / "corpus"
_FLAGS = ("-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fno-omit-frame-pointer")
_SANITIZERS = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
_LONGEST = 4096
_UNITS = re.compile(r"^stat::number_of_executed_units: ([0-9]+)$", re.MULTILINE)


class NoFuzzer(Exception):
    """Why there is none, for whoever wanted it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``units``: how many inputs were run; 0 where it ended before it could say so."""

    found_something: bool
    units: int
    said: str


def build(program: Path, sources: Path = SOURCES) -> None:
    """Raises NoFuzzer."""
    clang = shutil.which("clang")
    if clang is None:
        raise NoFuzzer("there is no clang (Debian: apt-get install clang libclang-rt-dev)")
    command = [clang, *_FLAGS, *_SANITIZERS, f"-I{sources}", str(FOLDER / "scan.c"), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoFuzzer(f"clang could not make it: {done.stderr}")


def fuzz(program: Path, seconds: int, found: Path, seeds: Sequence[Path] = (CORPUS,)) -> Outcome:
    """From the seeds on. An input that shows a fault is written into the folder, with what else reaches new code."""
    limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=10", "-print_final_stats=1"]
    places = [f"-dict={FOLDER / 'json.dict'}", f"-artifact_prefix={found}/", str(found), *map(str, seeds)]
    command, most = [str(program), *limits, *places], seconds + 120
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=most)
    units = _UNITS.search(done.stderr)
    return Outcome(done.returncode != 0, int(units[1]) if units else 0, done.stderr)


def merge(program: Path, found: Path) -> None:
    """Puts into the corpus what of a folder reaches code that nothing in it does."""
    subprocess.run(
        [program, "-set_cover_merge=1", "-use_counters=0", f"-max_len={_LONGEST}", CORPUS, found], check=True
    )
