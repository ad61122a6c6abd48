"""Fixtures of the tests of the embedded PostgreSQL: a place for a server, and one where a server has been before.

Not below pytest's own directory: each session of pytest closes that one to other accounts, such as the server's.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_postgres.starting import start_embedded
from tests.integration.embedded_postgres.servers import kill_server
from tests.support.memory import quick_directory


@pytest.fixture(scope="session")
def used_home() -> Iterator[Path]:
    """Where a server has run and was stopped; made once, since making a cluster takes longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="datasync-used-", dir=quick_directory()) as directory:
        start_embedded(Path(directory) / "home").close()
        yield Path(directory) / "home"


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory; a server in its ``home`` does not outlive the test."""
    with tempfile.TemporaryDirectory(prefix="datasync-", dir=quick_directory()) as directory:
        yield Path(directory)
        kill_server(Path(directory) / "home")


@pytest.fixture
def home(used_home: Path, place: Path) -> Path:
    """A used home of this test's own."""
    subprocess.run(["cp", "-a", str(used_home), str(place / "home")], check=True)
    return place / "home"
