"""The published tables are what was measured, not what someone remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.publishing import markdown, replaced
from bench.reports import load

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "understand" / "performance.md"


@pytest.mark.parametrize("kind", ["cases", "sources", "peers", "growth", "slices"])
def test_the_page_shows_the_saved_report(kind: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    report = load(PROJECT / "bench" / "results" / f"{kind}.json")
    assert report.kind == kind
    assert replaced(page, kind, markdown(report)) == page
