"""What is released, installed in clean environments: whoever has nothing but a wheel gets to a first sync.

They are built once, by a dry run of ``scripts/release.sh``. Two of the four pairs of a Python and a wheel are tried;
ALL_WHEELS=1 tries all of them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.releases import Checkout
from tests.support.wheels import Installed, python_of, wheels_in

_USUAL = [("3.11", "compiled"), ("3.13", "pure")]
_OTHERS = [("3.11", "pure"), ("3.13", "compiled")]
PAIRS = _USUAL + (_OTHERS if os.environ.get("ALL_WHEELS") == "1" else [])


VERSION = "987.6.5"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what a dry run built, beside what it said: once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "release"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "said").exists():
            shutil.rmtree(folder / "checkout", ignore_errors=True)
            checkout = Checkout(folder / "checkout")
            checkout.commit_change_log(VERSION)
            before = checkout.state()
            done = checkout.release(VERSION, "--dry-run", "--skip-checks", "--into", str(folder / "built"))
            assert done.returncode == 0, done.stdout + done.stderr
            assert checkout.state() == before
            (folder / "said").write_text(done.stdout)
    return folder / "built"


@pytest.fixture
def ground() -> Iterator[Path]:
    """Not pytest's folder, which each start of a pytest closes to others: the server's programs are in here."""
    with tempfile.TemporaryDirectory(prefix="datasync-wheels-") as folder:
        yield Path(folder)


@pytest.fixture
def dashboard(ground: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def test_a_dry_run_of_a_release_builds_and_checks_all_and_changes_nothing(built: Path) -> None:
    names = sorted(file.name for file in built.iterdir())
    assert len(names) == 3
    assert all(name.startswith(f"datasync_ingestion-{VERSION}") for name in names), names
    said = (built.parent / "said").read_text()
    assert said.count("PASSED") == 3, said
    assert "SKIPPED: .ci/run" in said
    assert "committed and tagged in the clone alone" in said


@pytest.mark.parametrize(("version", "kind"), PAIRS)
def test_from_nothing_but_the_wheel_to_a_first_sync(
    version: str, kind: str, built: Path, ground: Path, dashboard: list[subprocess.Popen[str]]
) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} with its headers is here: pyenv install {version}, or put it on PATH")
    user = Installed(python, wheels_in(built)[kind], ground / "user")
    folder = ground / "empty"
    folder.mkdir()

    made = user.typed("datasync init", folder)
    assert made.returncode == 0, made.stderr
    crawl = user.typed("datasync crawl events", folder, MOCK_TOTAL_EVENTS="7000")
    assert crawl.returncode == 0, crawl.stderr
    assert "7,000 stored" in crawl.stderr

    assert user.typed("python -m scrapy list", folder).stdout.split() == ["events", "example.items"]
    loaded = user.typed("python -c 'import datasync_columns'", folder)
    assert (loaded.returncode == 0) == (kind == "compiled"), loaded.stderr
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
    for name, holds in (("", b"<html"), ("assets/app.js", b"import"), ("api/state.json", b'"complete"')):
        with urllib.request.urlopen(address + name, timeout=60) as answer:
            assert holds in answer.read(), name
