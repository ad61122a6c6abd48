"""One build of the compiled module serves every Python from 3.11 on, whichever of them made it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compiling import SOURCES, needs_compiled
from tests.support.pythons import pythons_with_headers

# Where it is here, so are a C compiler and the headers of the Python that runs this.
pytestmark = needs_compiled

_BUILD = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import build; build.build(pathlib.Path(sys.argv[2]))"
# Calls all that the module has, so that whatever means something else to one of the versions is met.
_USE = """
import sys
sys.path.insert(0, sys.argv[1])
import datasync_columns as module
newer, older = b'{"a":{"id":"a1"},"t":1769541612369}', b'{"a":{"id":"b2\\xc3\\xa9"},"t":1769541612368}'
scanner = module.Scanner(records=[["r", "x"], []], ids=[["a", "id"]], times=[["t"]])
events, start, end = scanner.split(b'{"r":{"x":[' + newer + b"," + older + b']},"more":false}')
print(list(events), start, end, events.columns(), events.fallbacks(), events.ends())
print(scanner.split(b"[" + newer + b",7]")[0].columns(), scanner.split(b"{}"))
for wrong in ([], [["a"] * 9], [["x" * 256]], [[""]], [["\\ud800"]], "id", ["id"], 7):
    try:
        module.Scanner([["r"]], wrong, [])
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)
rows = events.rows()
print(list(rows), rows.event_ids(), list(rows.only([True, False])), list(rows.part(1, 2)), list(rows.in_order()))
print(rows.piece(0, 2, b"prefix"), list(module.join([rows, module.listed(list(rows))])))
print(module.encode_rows(["a", "b"], [1, None], events), module.encode_rows(["a"], [1], [newer]))
flight = module.InFlight()
print(flight.add(rows), flight.held(rows), len(flight), flight.remove(rows), len(flight))


def many_times():
    for _ in range(10_000):
        assert scanner.split(b"{}") is None
        assert scanner.split(b'[{"a":{"id":1}},7]')[0].columns() == (["1", None], [None, None], 1)
        assert scanner.split(b"[]")[0].ends() == (True, None, None, None, None)
        flight.add(rows)
        flight.remove(rows)


# What is immortal, as None is from 3.12 on, may be counted in any way.
held = [None, True, False, 1, type(events), type(rows), type(scanner), scanner, rows]
before = [(thing, count) for thing in held if (count := sys.getrefcount(thing)) < 2**28]
many_times()
print([(thing, count) for thing, count in before if abs(sys.getrefcount(thing) - count) > 100])
"""


def _made_by(python: str, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run([python, "-I", "-c", _BUILD, str(SOURCES), str(folder)], check=True)
    return folder


def _used_by(python: str, folder: Path) -> str:
    # A name that this Python does not have is met when the module is loaded, and not only where it is called.
    now = os.environ | {"LD_BIND_NOW": "1"}
    done = subprocess.run([python, "-I", "-c", _USE, str(folder)], capture_output=True, text=True, check=False, env=now)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_any_python_of_this_machine_makes_works_under_all_of_them(tmp_path: Path) -> None:
    pythons = pythons_with_headers()
    answers = {
        (maker, user): _used_by(pythons[user], folder)
        for maker, folder in [(maker, _made_by(python, tmp_path / maker)) for maker, python in pythons.items()]
        for user in pythons
    }
    own = "{}.{}".format(*sys.version_info)
    assert "(1769541612369000, 'a1')" in answers[own, own]
    assert [pair for pair, answer in answers.items() if answer != answers[own, own]] == []
    if len(pythons) == 1:
        pytest.skip(f"of the versions with their headers only {own} is here: no other could make it or load it")


def test_no_format_takes_a_length_since_its_type_depends_on_the_headers() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.[ch]"))]
    formats = [found for text in texts for found in re.findall(r'(?:Parse\w*|BuildValue)\([^"]*"([^"]*)"', text)]
    assert formats
    assert [found for found in formats if "#" in found] == []


def test_nothing_is_given_away_by_a_macro_that_counts_as_the_headers_do() -> None:
    assert [path.name for path in SOURCES.glob("*.[ch]") if re.search(r"Py_RETURN_\w+;", path.read_text())] == []


def test_a_length_would_be_of_one_type_whichever_headers_are_here() -> None:
    lines = (SOURCES / "columns.c").read_text(encoding="utf-8").splitlines()
    assert lines.index("#define PY_SSIZE_T_CLEAN") < lines.index("#include <Python.h>")
