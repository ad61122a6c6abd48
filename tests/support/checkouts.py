"""Checkouts that hold nothing but the scripts' own business.

Their requirement files are empty ones, since the rules are what is tested, and no package index is needed. Their
compiled module does nothing but answer with a number. Their environments have the pip of the one that runs the tests,
since to install another is nearly all of what making one costs; ``PYTHON=str(PLAIN_PYTHON)`` has it installed.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Not this environment's own Python: an environment that hangs on another one's bin would be no fair test of it.
PLAIN_PYTHON = Path(sys.base_prefix) / "bin" / "python3"

# In place of PYTHON: it makes environments whose pip is that of a folder.
_LENDING = """\
#!/bin/sh
[ "$1 $2" = '-m venv' ] || exec '{python}' "$@"
'{python}' -m venv --without-pip "$3" || exit
for packages in "$3"/lib/python3*/site-packages; do
  echo '{folder}' >"$packages/lent-pip.pth"
done
"""

# Without byte code, each new environment compiles pip again at every call of it.
_NOT_INHERITED = {"CC", "DATASYNC_VENV", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}

# Makes the environment that is asked for and says what came of it: $1 is "run" or "dev".
_DRIVER = """\
set -eu
root=$(pwd -P)
. ./scripts/venv.sh
ensure_venv "$1"
echo "ready: $("$venv/bin/python" -c 'import sys; print(sys.prefix)')"
"$venv/bin/python" -c 'import datasync_columns; print("answer:", datasync_columns.answer())' 2>/dev/null ||
  echo 'answer: none'
"""

_MODULE = """\
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include "answer.h"
static PyObject *answer(PyObject *module, PyObject *nothing) {
    (void)module, (void)nothing;
    return PyLong_FromLong(ANSWER);
}
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "datasync_columns", .m_methods = methods};
PyMODINIT_FUNC PyInit_datasync_columns(void) { return PyModule_Create(&definition); }
"""


def make_checkout(folder: Path) -> Path:
    """The folder, with the real scripts and the real ``compiled/build.py`` in it."""
    for name in ("scripts/venv.sh", "compiled/build.py"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "compiled/columns.c").write_text(_MODULE)
    let_it_answer(folder, 1)
    (folder / "requirements.txt").write_text("# nothing to run\n")
    (folder / "requirements-dev.txt").write_text("# nothing to test with\n")
    (folder / "driver.sh").write_text(_DRIVER)
    return folder


def let_it_answer(checkout: Path, number: int) -> None:
    """Changes what the compiled module is compiled of."""
    (checkout / "compiled/answer.h").write_text(f"#define ANSWER {number}\n")


def environment(**more: str) -> dict[str, str]:
    """For a script's process."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return kept | {"PYTHON": _lending_python()} | more


@functools.cache
def _lending_python() -> str:
    pip = importlib.util.find_spec("pip")
    assert pip is not None, "pip is missing where the tests run"
    assert pip.origin is not None
    folder = Path(tempfile.mkdtemp(prefix="datasync-pip-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "pip").symlink_to(Path(pip.origin).parent)
    python = folder / "python3"
    python.write_text(_LENDING.format(python=PLAIN_PYTHON, folder=folder))
    python.chmod(0o755)
    return str(python)


def start(checkout: Path, wanted: str, **more: str) -> subprocess.Popen[str]:
    """A process that makes the environment; ``wanted`` is "run" or "dev"."""
    return subprocess.Popen(
        ["sh", "driver.sh", wanted],
        cwd=checkout,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ensure(checkout: Path, wanted: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same, when it has ended."""
    process = start(checkout, wanted, **more)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def made(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether an environment was made for it, and not only looked at."""
    return "making /" in result.stderr
