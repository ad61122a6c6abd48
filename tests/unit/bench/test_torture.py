"""The torture's mutants, and the scenarios in which they must be caught."""

from __future__ import annotations

from bench.torture.mutants import MUTANTS
from bench.torture.scenarios import SCENARIOS


def test_each_mutant_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(MUTANTS)
    assert all(SCENARIOS.values())
