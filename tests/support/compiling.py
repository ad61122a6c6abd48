"""Whether the compiled reading and writing (the folder ``compiled``) is here, and a C compiler for the tests of it.

Where both are meant to be, as on a build machine, REQUIRE_COMPILED=1 makes their absence a failure.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from datasync_spider.records import compiled

SOURCES = Path(__file__).resolve().parents[2] / "compiled"
REQUIRED = os.environ.get("REQUIRE_COMPILED") == "1"
_MISSING = "datasync_columns is not here (python compiled/build.py makes it)"

needs_compiled = pytest.mark.skipif(not compiled.IS_COMPILED and not REQUIRED, reason=_MISSING)


def require_compiled() -> None:
    """For fixtures: skips the test that asked, or fails it."""
    if not compiled.IS_COMPILED:
        _give_up(_MISSING)


def compile_program(source: Path, program: Path, flags: Sequence[str]) -> None:
    """Skips the test, or fails it, where there is no compiler that can do this."""
    named = shlex.split(os.environ.get("CC", ""))
    found = [name for name in ("cc", "gcc", "clang") if shutil.which(name)]
    command = named or found[:1]
    if not command:
        _give_up("no C compiler is here")
    done = subprocess.run(
        [*command, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{SOURCES}", *flags, str(source), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        _give_up(f"the C compiler could not do it: {done.stderr}")


def _give_up(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)
