"""The Pythons of this machine for which the compiled module can be made: those with their headers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_OLDEST, _NEWEST = 11, 20
_REPORT = """
import os, sys, sysconfig
print("%d.%d" % sys.version_info[:2], bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
print(os.path.join(sysconfig.get_path("include"), "Python.h"))
"""


def pythons_with_headers() -> dict[str, str]:
    """One of each version, under that; the one that runs this is always among them.

    Those on PATH, and those that pyenv has, where only the chosen ones of these are to be had by a name on PATH. None
    without the interpreter's lock: it loads no module of the stable ABI.
    """
    found: dict[str, str] = {}
    for python in (sys.executable, *_candidates()):
        asked = subprocess.run([python, "-I", "-c", _REPORT], capture_output=True, text=True, check=False)
        if asked.returncode:
            continue  # a name on PATH behind which pyenv has nothing
        version, is_free_threaded, header = asked.stdout.split(maxsplit=2)
        if is_free_threaded == "False" and (python == sys.executable or Path(header.strip()).exists()):
            found.setdefault(version, python)
    return found


def _candidates() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(_OLDEST, _NEWEST)]
    yield from filter(None, map(shutil.which, names))
    if root := os.environ.get("PYENV_ROOT"):
        for name in names:
            yield from map(str, sorted(Path(root).glob(f"versions/*/bin/{name}"), reverse=True))
