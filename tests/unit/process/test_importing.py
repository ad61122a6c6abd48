"""What a start imports while it waits, and what it leaves for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from datasync_spider.process.importing import imported_meanwhile


def test_modules_are_there_at_the_end_of_what_went_on_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, monkeypatch, first="", second="")
    with imported_meanwhile("meanwhile.first", "meanwhile.second"):
        pass
    assert {"meanwhile.first", "meanwhile.second"} <= sys.modules.keys()


def test_who_needs_a_module_that_cannot_be_imported_is_shown_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, monkeypatch, broken="raise ValueError('odd')")
    with imported_meanwhile("meanwhile.broken"):
        pass
    with pytest.raises(ValueError, match="odd"):
        __import__("meanwhile.broken")


def test_an_error_of_what_goes_on_meanwhile_comes_out_when_the_import_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, monkeypatch, first="")
    with pytest.raises(OSError, match="ours"), imported_meanwhile("meanwhile.first"):
        raise OSError("ours")
    assert "meanwhile.first" in sys.modules


def test_nothing_that_a_crawl_is_made_of_brings_along_what_only_the_first_request_needs() -> None:
    """It would be imported before the database is asked, and not meanwhile."""
    look = (
        "import sys, datasync_spider.commands.crawl, datasync_spider.transport.handler,"
        " datasync_spider.spiders.events, datasync_spider.pipelines.postgres,"
        " datasync_spider.fleet.crawling as crawling\n"
        "print(*(name for name in crawling.FOR_THE_FIRST_REQUEST if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def _package(directory: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    package = directory / "meanwhile"
    package.mkdir()
    for name, text in {"__init__": "", **modules}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(directory)
    for name in [name for name in sys.modules if name.partition(".")[0] == "meanwhile"]:
        monkeypatch.delitem(sys.modules, name)
