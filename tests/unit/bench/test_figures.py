from __future__ import annotations

import pytest

from bench.figures import Figure, ratios, spread


def test_the_median_is_the_middle_and_the_spread_is_the_whole_width_as_a_share_of_it() -> None:
    figure = Figure(what="", unit="", samples=[100.0, 80.0, 110.0])
    assert figure.median == 100.0
    assert figure.spread == pytest.approx(0.3)
    assert spread([7.0]) == 0.0
    assert spread([0.0, 0.0]) == 0.0


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([50.0, 90.0], [100.0, 100.0]) == [0.5, 0.9]
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("samples", "found", "target", "at_least", "met"),
    [
        ([1.0], [0.95, 0.90, 0.10], 0.90, True, True),
        ([1.0], [0.95, 0.89, 0.10], 0.90, True, False),
        ([4.9, 5.0, 9.0], [], 5.0, False, True),
        ([4.9, 5.1, 9.0], [], 5.0, False, False),
        ([0.0], [], 0.0, False, True),
        ([9.0], [], None, True, None),
    ],
)
def test_a_target_is_judged_by_the_median_of_ratios_or_else_of_samples(
    samples: list[float], found: list[float], target: float | None, at_least: bool, met: bool | None
) -> None:
    figure = Figure(what="", unit="", samples=samples, ratios=found, target=target, at_least=at_least)
    assert figure.passed is met
