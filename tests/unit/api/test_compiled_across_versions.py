"""One build of the compiled module serves every Python from 3.11 on, whichever of them made it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.compiling import SOURCES, needs_compiled

# Where it is here, so are a C compiler and the headers of the Python that runs this.
pytestmark = needs_compiled

_VERSIONS = [f"3.{minor}" for minor in range(11, 16)]
_HEADER = "import os, sysconfig; print(os.path.join(sysconfig.get_path('include'), 'Python.h'))"
_BUILD = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import build; build.build(pathlib.Path(sys.argv[2]))"
_USE = """
import sys
sys.path.insert(0, sys.argv[1])
import datasync_columns
newer, older = b'{"id":"a1","timestamp":1769541612369}', b'{"id":"b2","timestamp":1769541612368}'
scanner = datasync_columns.Scanner([["data"]], [["id"]], [["timestamp"]])
events, start, end = scanner.split(b'{"data":[' + newer + b"," + older + b'],"hasMore":false}')
print(events.columns(), events.ends(), list(events), start, end)
"""


def _pythons() -> Iterator[str]:
    """Those of this machine that have their headers."""
    for version in _VERSIONS:
        python = shutil.which(f"python{version}")
        if python is None:
            continue
        asked = subprocess.run([python, "-c", _HEADER], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and Path(asked.stdout.strip()).exists():
            yield python


def _used_by(python: str, folder: Path) -> str:
    return subprocess.run([python, "-c", _USE, str(folder)], capture_output=True, text=True, check=True).stdout


def test_what_any_python_of_this_machine_makes_works_under_all_of_them(tmp_path: Path) -> None:
    pythons = {sys.executable, *_pythons()}
    answers = set()
    for number, maker in enumerate(sorted(pythons)):
        folder = tmp_path / str(number)
        folder.mkdir()
        subprocess.run([maker, "-c", _BUILD, str(SOURCES), str(folder)], check=True)
        answers |= {_used_by(python, folder) for python in pythons}
    (answer,) = answers
    assert "(1769541612369000, 'a1')" in answer


def test_no_format_takes_a_length_since_its_type_depends_on_the_headers() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.[ch]"))]
    formats = [found for text in texts for found in re.findall(r'(?:ParseTuple|BuildValue)\w*\([^"]*"([^"]*)"', text)]
    assert formats
    assert [found for found in formats if "#" in found] == []
