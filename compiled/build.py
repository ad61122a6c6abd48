"""Compiles datasync_columns into the environment of the Python that runs this (``python compiled/build.py``).

Needs a C compiler and Python's headers, and nothing else. Invariant: an environment has the module that belongs to
these sources, or none; without it everything works, and a page costs about three times the CPU time.
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
_COMPILERS = ("cc", "gcc", "clang")
_PACKAGES = "(Debian, Ubuntu: apt-get install gcc python3-dev)"
_LOAD = "import sys; sys.path.insert(0, sys.argv[1]); import datasync_columns"


class NotCompiled(Exception):
    """Why not, for whoever sets up the environment."""


def build(into: Path, *flags: str) -> Path:
    """The module, compiled anew into that folder. Raises NotCompiled, and leaves no older one behind then."""
    module = into / _MODULE
    try:
        # Made elsewhere and then moved, so that no process ever loads half of one, and whoever has the older one loaded
        # keeps it.
        with tempfile.TemporaryDirectory(dir=into) as folder:
            made = Path(folder, _MODULE)
            _run([*_compiler(), *_FLAGS, *_SHARED, *_includes(), *flags, str(_SOURCES / "columns.c"), "-o", str(made)])
            made.replace(module)
    except BaseException:
        module.unlink(missing_ok=True)
        raise
    return module


def _compiler() -> list[str]:
    named = shlex.split(os.environ.get("CC", ""))
    if named and shutil.which(named[0]) is None:
        raise NotCompiled(f"CC names {named[0]}, and there is no such program")
    found = [named] if named else [[name] for name in _COMPILERS if shutil.which(name)]
    if not found:
        raise NotCompiled(f"there is no C compiler, neither {', '.join(_COMPILERS)} nor another in CC {_PACKAGES}")
    return found[0]


def _includes() -> list[str]:
    folders = [sysconfig.get_path(name) for name in ("include", "platinclude")]
    if not Path(folders[0], "Python.h").exists():
        raise NotCompiled(f"there is no Python.h in {folders[0]} {_PACKAGES}")
    return [f"-I{folder}" for folder in folders]


def _run(command: list[str]) -> None:
    # The errors of a compiler are looked for by an English word.
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        error = next((line for line in said if "error" in line.lower()), said[-1])
        raise NotCompiled(f"{command[0]} ended with exit code {done.returncode} and said: {error.strip()}")


def _install(into: Path) -> None:
    """Builds, and leaves nothing that this very Python cannot load."""
    module = build(into)
    try:
        _run([sys.executable, "-I", "-c", _LOAD, str(into)])
    except NotCompiled:
        module.unlink(missing_ok=True)
        raise


def _places() -> list[Path]:
    """The environment, and the checkout where ``pip install -e`` has left a module that would be found first."""
    checkout = _SOURCES.parent
    return [Path(sysconfig.get_path("purelib")), *([checkout] if (checkout / _MODULE).exists() else [])]


if __name__ == "__main__":
    try:
        for place in _places():
            _install(place)
    except (NotCompiled, OSError) as problem:
        sys.exit(f"events are read without compiled code, at about three times the CPU time a page: {problem}")
