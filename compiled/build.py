"""Compiles datasync_columns into the environment of the Python that runs this (``python compiled/build.py``).

Needs a C compiler and Python's headers, and nothing else. Invariant: an environment has the module that belongs to
these sources, or none; without it everything works, and a page costs about twice the CPU time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

_SOURCES = Path(__file__).resolve().parent
_MODULE = "datasync_columns.abi3.so"
_FLAGS = ("-std=c11", "-O3", "-fPIC", "-Wall", "-Wextra")
_SHARED = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)


class NotCompiled(Exception):
    """Why not, for whoever sets up the environment."""


def build(into: Path, *flags: str) -> Path:
    """The module, compiled anew into that folder. Raises NotCompiled, and leaves no older one behind then."""
    module = into / _MODULE
    module.unlink(missing_ok=True)
    includes = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
    # Made elsewhere and then moved, so that no process ever loads half of one.
    with tempfile.TemporaryDirectory(dir=into) as folder:
        made = Path(folder, _MODULE)
        command = [*_compiler(), *_FLAGS, *_SHARED, *includes, *flags, str(_SOURCES / "columns.c"), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotCompiled(_first_error(done.stderr))
        made.rename(module)
    return module


def _compiler() -> list[str]:
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return named
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise NotCompiled("no C compiler was found (looked for cc, gcc, clang; CC names another)")


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if "error" in line]
    return lines[0].strip() if lines else output.strip()


if __name__ == "__main__":
    try:
        build(Path(sysconfig.get_path("purelib")))
    except (NotCompiled, OSError) as error:
        sys.exit(f"the reading of events was not compiled: {error}")
