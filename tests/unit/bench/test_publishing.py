from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import Report
from bench.publishing import markdown, publish, replaced
from bench.reports import load, save
from tests.unit.bench.reports import case, figure, report

PAGE = "# Performance\n\n<!-- cases -->\nold\n<!-- /cases -->\n\nThe end.\n"


def taken() -> Report:
    found = case("database", figure("crawl", 100.0))
    found.notes = ["the machine was busy"]
    return report(found)


def test_the_text_names_machine_date_command_and_commit_and_explains_the_cases() -> None:
    text = markdown(taken())
    assert text.startswith("Taken 2026-01-02 03:04 UTC by `python -m bench` at commit abc, on 2 cores (A processor)")
    assert "| database | crawl | 100 events/s |" in text
    assert "- database: the database case; 1,000 events, 3 rounds" in text
    assert "- database: the machine was busy" in text


def test_slices_are_counted_as_such_a_column_a_number_of_them() -> None:
    found = taken()
    found.kind = "slices"
    text = markdown(found)
    assert "|  | database |\n| --- | ---: |\n| crawl | 100 events/s |" in text
    assert "- database: the database case; 1,000 slices, 3 rounds" in text


def test_a_saved_report_is_read_back_whole_and_put_between_its_marks(tmp_path: Path) -> None:
    saved, page = tmp_path / "results" / "cases.json", tmp_path / "performance.md"
    save(taken(), saved)
    assert load(saved) == taken()
    page.write_text(PAGE, encoding="utf-8")
    assert publish([str(saved), "--into", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance\n\n<!-- cases -->\nTaken ")
    assert text.endswith("<!-- /cases -->\n\nThe end.\n")
    assert "old" not in text
    publish([str(saved), "--into", str(page)])
    assert page.read_text(encoding="utf-8") == text


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(SystemExit, match="no <!-- peers -->"):
        replaced(PAGE, "peers", "new")


def test_a_file_that_is_no_report_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"missing\.json cannot be read: No such file"):
        load(tmp_path / "missing.json")
    (tmp_path / "other.json").write_text('{"kind": "cases"}', encoding="utf-8")
    with pytest.raises(SystemExit, match=r"other\.json is no report of this benchmark"):
        load(tmp_path / "other.json")
