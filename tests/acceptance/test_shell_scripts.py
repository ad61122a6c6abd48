"""The shell scripts by themselves: the environment that they make. Their text is checked by ``.ci/run``."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.support.checkouts import PLAIN_PYTHON, ensure, environment, made, make_checkout, start


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "check out")


def test_an_environment_is_made_once_and_kept_until_the_pins_change(checkout: Path) -> None:
    first = ensure(checkout, "dev", PYTHON=str(PLAIN_PYTHON))
    assert first.returncode == 0, first.stderr
    assert f"ready: {checkout / '.venv'}" in first.stdout
    assert made(first)

    for wanted in ("dev", "run"):
        again = ensure(checkout, wanted)
        assert again.returncode == 0
        assert again.stderr == ""

    (checkout / ".venv/left over").touch()
    (checkout / "requirements.txt").write_text("# nothing again\n")
    (checkout / "requirements-dev.txt").write_text("# nothing again\n")
    assert made(ensure(checkout, "dev"))
    assert not (checkout / ".venv/left over").exists()


def test_an_environment_for_a_crawl_gets_the_test_tools_added(checkout: Path) -> None:
    assert ensure(checkout, "run").returncode == 0
    (checkout / ".venv/kept").touch()

    added = ensure(checkout, "dev")

    assert added.returncode == 0, added.stderr
    assert (checkout / ".venv/kept").exists()
    assert ensure(checkout, "run").stderr == ""


def test_a_half_made_environment_is_made_anew(checkout: Path) -> None:
    assert ensure(checkout, "run").returncode == 0
    for damage, repair in (
        ("mv .venv/bin elsewhere", "mv elsewhere .venv/bin"),
        ("mv .venv elsewhere; mkdir -p .venv/bin", "rm -rf .venv; mv elsewhere .venv"),  # killed at once
        (": > .venv/.datasync-stamp", ":"),  # killed before the packages were there
    ):
        assert is_good(checkout)
        subprocess.run(["sh", "-c", damage], cwd=checkout, check=True)
        assert not is_good(checkout), damage
        subprocess.run(["sh", "-c", repair], cwd=checkout, check=True)

    mended = ensure(checkout, "run")

    assert mended.returncode == 0, mended.stderr
    assert made(mended)
    assert ensure(checkout, "run").stderr == ""


def is_good(checkout: Path) -> bool:
    """Whether it would be left as it is, asked of the script itself."""
    script = "root=$(pwd -P); . ./scripts/venv.sh; venv_is_good run"
    return subprocess.run(["sh", "-c", script], cwd=checkout, env=environment(), check=False).returncode == 0


def test_a_moved_checkout_gets_an_environment_of_its_own(checkout: Path) -> None:
    assert ensure(checkout, "run").returncode == 0
    moved = checkout.rename(checkout.with_name("moved"))

    result = ensure(moved, "run")

    assert f"ready: {moved / '.venv'}" in result.stdout
    assert made(result)


def test_pins_that_cannot_be_installed_leave_nothing_that_counts_as_made(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("./nowhere-at-all\n")
    result = ensure(checkout, "run")
    assert result.returncode == 1
    assert "could not be installed" in result.stderr

    (checkout / "requirements.txt").write_text("# nothing\n")
    assert made(ensure(checkout, "run"))


def test_two_at_once_make_one_environment(checkout: Path) -> None:
    both = [start(checkout, "run"), start(checkout, "run")]
    results = [process.communicate(timeout=300) for process in both]

    assert [process.returncode for process in both] == [0, 0], results
    assert sum("making /" in err for _, err in results) == 1
    assert all("ready:" in out for out, _ in results)


def test_a_killed_maker_leaves_no_lock_behind(checkout: Path) -> None:
    process = start(checkout, "run")
    deadline = time.monotonic() + 60
    while not (checkout / ".venv/.datasync-stamp").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)

    result = ensure(checkout, "run")

    assert result.returncode == 0, result.stderr
    assert "ready:" in result.stdout


def test_an_environment_that_others_made_is_not_touched(checkout: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").write_text("mine")

    result = ensure(checkout, "run", DATASYNC_VENV=str(foreign))

    assert result.returncode == 2
    assert "was not made by this project's scripts" in result.stderr
    assert (foreign / "precious").read_text() == "mine"


def test_a_python_that_does_not_do_is_refused_by_name(checkout: Path) -> None:
    result = ensure(checkout, "run", PYTHON="/no/such/python")

    assert result.returncode == 2
    assert "PYTHON=/no/such/python is no Python of version 3.11 or newer" in result.stderr
