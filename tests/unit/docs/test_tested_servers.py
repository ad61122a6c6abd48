"""The page on real servers has the versions that are locked, and each row a test that is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.unit.docs.pages import DOCS, PROJECT, read

LOCKS = PROJECT / "tests" / "servers" / "locks"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


def locked() -> dict[str, str]:
    """The version of every package in every lock, by its name in small letters."""
    found = {
        name.lower(): version for lock in LOCKS.glob("*.txt") for name, version in _PINNED.findall(lock.read_text())
    }
    for lock in LOCKS.glob("*/package-lock.json"):
        packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
        found.update({path.rpartition("node_modules/")[2]: one["version"] for path, one in packages.items() if path})
    return found


def table() -> list[list[str]]:
    return [row for row in read(DOCS / "sources" / "tested.md").rows() if len(row) == 6]


def test_versions_are_those_of_the_locks() -> None:
    versions = locked()
    assert table()
    # A proxy comes from Debian, as the machine has it.
    assert {row[0]: row[1] for row in table() if row[0] != "nginx"} == {
        row[0]: versions.get(row[0].lower()) for row in table() if row[0] != "nginx"
    }


def test_each_row_names_a_test_that_is_there() -> None:
    for row in table():
        assert Path(PROJECT, row[5].strip("`")).is_file(), row


def test_each_test_of_a_server_has_its_row() -> None:
    named = {row[5].strip("`") for row in table()}
    for test in (PROJECT / "tests" / "servers").glob("test_*.py"):
        assert str(test.relative_to(PROJECT)) in named


def test_locks_name_no_registry_of_anyones_own() -> None:
    for lock in LOCKS.rglob("*"):
        if lock.is_file():
            text = lock.read_text(encoding="utf-8")
            assert not re.search("--(extra-)?index-url|--find-links", text), lock
            assert set(re.findall(r"https?://([^/\s\"]+)/\S+\.tgz", text)) <= {"registry.npmjs.org"}, lock
