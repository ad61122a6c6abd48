"""What is built of pyproject.toml and setup.py, as far as it can be seen without building it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_no_one_without_a_compiler_is_refused() -> None:
    assert "optional=True" in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_what_builds_the_wheels_is_pinned_with_hashes() -> None:
    (wanted,) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    pins = (ROOT / "requirements-build.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^setuptools==(\d+)\S* \\\n    --hash=sha256:", pins, re.MULTILINE)
    assert int(version) >= int(wanted.removeprefix("setuptools>="))


@pytest.mark.parametrize(("extra", "package"), [("parquet", "pyarrow"), ("fleet", "distributed")])
def test_what_an_extra_needs_is_pinned_apart_and_no_crawl_installs_it(extra: str, package: str) -> None:
    pins = (ROOT / f"requirements-{extra}.txt").read_text(encoding="utf-8")
    (pin,) = re.findall(rf"^{package}==\S+", pins, re.MULTILINE)
    assert f"\n{pin} " in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert package not in (ROOT / "requirements.txt").read_text(encoding="utf-8")
