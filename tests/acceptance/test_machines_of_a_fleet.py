"""``python -m bench.machines``: its smallest case, so that it is known when the command itself breaks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.crawl import PROJECT, clean_environment

_NOT_HERE = 2


def machines(*arguments: str, directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.machines", *arguments],
        cwd=directory,
        env=clean_environment(PYTHONPATH=str(PROJECT), **settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )


def works_in(process: psutil.Process, directory: Path) -> bool:
    with suppress(psutil.Error):
        return Path(process.cwd()).is_relative_to(directory) or str(directory) in " ".join(process.cmdline())
    return False


def test_a_machine_is_killed_with_its_syncs_and_all_records_are_compared(tmp_path: Path) -> None:
    smallest = ("--case", "kill", "--rounds", "1", "--machines", "2", "--seed", "1")
    with tempfile.TemporaryDirectory(prefix="machines-") as name:
        place = Path(name)
        # Of the machines' database, which runs as another user.
        place.chmod(0o711)
        played = machines(*smallest, directory=tmp_path, TMPDIR=name)
        left = [*place.iterdir(), *(one.pid for one in psutil.process_iter() if works_in(one, place))]
    if played.returncode == _NOT_HERE:
        pytest.skip(played.stderr.strip())
    # How long it took is for a machine to judge that does nothing else.
    assert "kills: 1; first commit elsewhere after" in played.stdout, played.stdout + played.stderr
    assert "records served were compared" in played.stdout
    assert "WRONG" not in played.stdout
    assert not left


def test_without_the_programs_that_make_machines_it_is_said_which_are_missing(tmp_path: Path) -> None:
    refused = machines(directory=tmp_path, PATH=str(tmp_path))
    assert refused.returncode == _NOT_HERE
    assert "ip (Debian: iproute2), unshare (Debian: util-linux)" in refused.stderr
