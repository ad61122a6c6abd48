from bench.torture.mutants import MUTANTS
from bench.torture.scenarios import SCENARIOS


def test_each_mutant_has_a_scenario_and_each_scenario_a_mutant() -> None:
    assert MUTANTS.keys() == SCENARIOS.keys()
