"""What is released, installed in clean environments: whoever has nothing but a wheel gets to a first sync.

Two of the four pairs of a Python and a wheel are tried; ALL_WHEELS=1 tries all of them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.wheels import Installed, build_wheels, python_of

_USUAL = [("3.11", "compiled"), ("3.13", "pure")]
_OTHERS = [("3.11", "pure"), ("3.13", "compiled")]
PAIRS = _USUAL + (_OTHERS if os.environ.get("ALL_WHEELS") == "1" else [])


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "kind"), PAIRS)
def test_from_nothing_but_the_wheel_to_a_first_sync(
    version: str, kind: str, wheels: dict[str, Path], tmp_path: Path, dashboard: list[subprocess.Popen[str]]
) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} with its headers is here: pyenv install {version}, or put it on PATH")
    user = Installed(python, wheels[kind], tmp_path / "user")
    folder = tmp_path / "empty"
    folder.mkdir()

    made = user.typed("datasync init", folder)
    assert made.returncode == 0, made.stderr
    crawl = user.typed("datasync crawl events", folder, MOCK_TOTAL_EVENTS="7000")
    assert crawl.returncode == 0, crawl.stderr
    assert "7,000 stored" in crawl.stderr

    status = user.typed("python -m datasync_spider status --expect complete", folder)
    assert status.returncode == 0, status.stdout + status.stderr
    assert user.typed("scrapy list", folder).stdout.split() == ["events", "example.items"]
    doctor = user.typed("datasync doctor", folder).stdout
    assert ("events are read by compiled code" in doctor) == (kind == "compiled"), doctor
    assert ("events are read without compiled code" in doctor) == (kind == "pure")
    assert (folder / ".datasync" / "postgres" / "data").is_dir()
    assert not list(user.home.rglob("*.toml"))

    page = subprocess.Popen(
        ["datasync", "dashboard", "--port", "0"],
        cwd=folder,
        env=user.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    dashboard.append(page)
    assert page.stdout is not None
    address = page.stdout.readline().split()[1]
    names = user.typed(f"python -c '{_ASSETS}' {address}", folder)
    assert names.stdout.split() == ["200"] * 5, names.stdout + names.stderr


_ASSETS = """
import sys, urllib.request
for name in ("", "assets/app.js", "assets/base.css", "assets/uPlot.iife.min.js", "api/state.json"):
    print(urllib.request.urlopen(sys.argv[1] + name).status)
"""
