"""docs/sources/add-a-record-reader.md: its example is whole, passes its own test, and is read as its file says."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from datasync_spider.sources.files.load import read_source
from datasync_spider.testing.recordreaders import NotConforming, check_record_reader
from tests.unit.docs.pages import DOCS, read

PAGE = read(DOCS / "sources" / "add-a-record-reader.md")


def written(name: str) -> str:
    (block,) = [block for block in PAGE.blocks if block.lines[0] == f"# {name}"]
    return "\n".join(block.lines) + "\n"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the page's test, beside the page's reader."""
    reader = ModuleType("own.readers")
    exec(compile(written("own/readers.py"), "own/readers.py", "exec"), reader.__dict__)
    monkeypatch.setitem(sys.modules, "own", ModuleType("own"))
    monkeypatch.setitem(sys.modules, "own.readers", reader)
    names: dict[str, Any] = {"__name__": "the_example"}
    exec(compile(written("tests/test_readers.py"), "tests/test_readers.py", "exec"), names)
    return names


def test_the_example_passes_its_own_test(example: dict[str, Any]) -> None:
    example["test_it_reads_what_the_api_sends"]()


def test_the_test_of_the_example_would_find_a_mistake_in_it(example: dict[str, Any]) -> None:
    reader = example["CsvReader"]
    drops = type("Drops", (reader,), {"records": lambda self, body: reader.records(self, body)[:1]})

    with pytest.raises(NotConforming, match="of 2 records came 1"):
        check_record_reader(lambda: drops(example["LOANS"]), example["PAGES"])


def test_its_file_names_the_class() -> None:
    source = read_source(written("sources/library.toml"), "library.toml")

    assert source.streams["loans"].shape.place == "own.readers:CsvReader"
