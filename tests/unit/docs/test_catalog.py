"""The page about the catalog names each file of it, with the secrets that the file wants, and what was checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datasync_spider.sources.files.load import read_source
from tests.unit.docs.pages import DOCS, PROJECT, names, read

CATALOG = PROJECT / "datasync_spider" / "sources" / "catalog"
PAGE = read(DOCS / "sources" / "catalog.md")
# The one that is there without being taken into use.
FILES = sorted(CATALOG.glob("*.toml"))
_SECRET = re.compile(r"secret:([A-Za-z0-9_]+(?:\{slice\.(\w+)\})?)")


def row(section: str, file: Path) -> list[str]:
    (found,) = [cells for cells in PAGE.section(section).rows() if cells[0] == f"`{file.name}`"]
    return found


def secrets(file: Path) -> set[str]:
    """As the file stands: with the values of its first slice."""
    text = file.read_text(encoding="utf-8")
    (stream,) = read_source(text, file.name).streams.values()
    values = dict(stream.slices[0]) if stream.slices else {}
    return {re.sub(r"\{slice\.(\w+)\}", lambda slot: str(values[slot[1]]), name) for name, _ in _SECRET.findall(text)}


def test_the_catalog_has_twelve_files() -> None:
    assert len(FILES) == 12


def test_the_page_names_no_other_file() -> None:
    wanted = [file.name for file in FILES]
    assert names(PAGE.section("The files").rows()) == wanted
    assert names(PAGE.section("What was checked, and what was not").rows()) == wanted


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_read_and_its_secrets_are_those_that_the_page_names(file: Path) -> None:
    named = set(re.findall(r"`([A-Z][A-Za-z0-9_]*[A-Z_][A-Za-z0-9_]*)`", row("The files", file)[2]))
    assert named == secrets(file)
    # Above the file's first table it says the same to those who have the file alone.
    heading = file.read_text(encoding="utf-8").partition("[source]")[0]
    assert heading.startswith("# ")
    for secret in re.findall(r"secret:([A-Z_]+)", file.read_text(encoding="utf-8")):
        assert secret.rstrip("_") in heading


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_was_checked_has_its_address_and_what_was_not_is_said(file: Path) -> None:
    _, checked, unchecked = row("What was checked, and what was not", file)
    assert re.search(r"\]\(https://[^)]+\)", checked)
    assert unchecked
