"""What pip builds from pyproject.toml: the same compiled module that the scripts make, where there is a compiler."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_that_the_compiled_module_is_made_of_is_named_to_pip() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    (module,) = setuptools["ext-modules"]
    named = {*module["sources"], *module["depends"]}
    assert named == {f"compiled/{path.name}" for path in (ROOT / "compiled").glob("*.[ch]")}
    # Nobody without a compiler is refused.
    assert module["optional"]
