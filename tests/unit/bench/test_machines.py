"""The cases of a fleet on several machines: what the page about them says, and the mistakes of the controls."""

from __future__ import annotations

import re
from pathlib import Path

from bench.machines.cases import CASES, CONTROLS
from bench.torture.mutants import MUTANTS

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "understand" / "machines.md"


def test_the_page_has_a_row_for_each_case_and_each_control() -> None:
    rows = [line.split("|")[1] for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall("`([a-z-]+)`", row)] == [*CASES, *CONTROLS]


def test_a_case_has_no_mistake_and_each_control_has_one_of_the_tortures_with_a_finding() -> None:
    assert not [name for name, case in CASES.items() if case.mutant]
    assert {case.mutant for case in CONTROLS.values()} <= set(MUTANTS)
    assert all(case.finding for case in CONTROLS.values())
