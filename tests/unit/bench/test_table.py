from __future__ import annotations

import pytest

from bench.figures import Figure
from bench.table import markdown_table, number, text_table, wide_markdown_table, wide_text_table
from tests.unit.bench.reports import case, figure, report

OURS = Figure(
    what="scrapy crawl events",
    unit="events/s",
    samples=[90_000.0, 100_000.0, 110_000.0],
    ratios=[0.88, 0.91, 0.92],
    target=0.9,
    cpu_seconds=[2.5, 2.7, 2.6],
    peak_mb=[140.2, 150.0, 141.0],
)


def test_a_row_has_median_spread_ratio_target_verdict_cost_and_memory() -> None:
    rows = markdown_table(report(case("database", figure("psql", 111_111.0), OURS))).splitlines()
    assert rows[0] == "| case | what | median | spread | ratio | target | passed | CPU s | peak MB |"
    assert rows[2] == "| database | psql | 111,111 events/s |  |  |  |  |  |  |"
    assert rows[3] == "|  | scrapy crawl events | 100,000 events/s | 20% | 0.91 | ≥ 0.90 | yes | 2.60 | 141 |"


def test_a_target_that_is_not_passed_says_no() -> None:
    cost = Figure(what="CPU", unit="s", samples=[7.0], target=5.0, at_least=False)
    assert "| 7 s |  |  | ≤ 5 | no |" in markdown_table(report(case("database", cost)))


def test_the_columns_of_the_text_stand_below_each_other() -> None:
    lines = text_table(report(case("database", figure("psql", 111_111.0), OURS))).splitlines()
    assert lines[2].index("111,111") + len("111,111 events/s") == lines[3].index("100,000") + len("100,000 events/s")
    assert set(lines[1]) == {"-"}


def test_cases_of_the_same_figures_stand_beside_each_other() -> None:
    few = case("100", figure("CPU", 12.5, unit="ms"), figure("statements", 24.0, unit=""))
    many = case("1,000", figure("CPU", 11.0, unit="ms"))
    assert wide_markdown_table(report(few, many)).splitlines() == [
        "|  | 100 | 1,000 |",
        "| --- | ---: | ---: |",
        "| CPU | 12.5 ms | 11 ms |",
        "| statements | 24 |  |",
    ]
    head, _, cpu, _ = wide_text_table(report(few, many)).splitlines()
    assert len(head) == len(cpu)


@pytest.mark.parametrize(
    ("value", "text"), [(123_456.7, "123,457"), (12.34, "12.3"), (1.234, "1.23"), (0.9, "0.90"), (0.0, "0"), (5.0, "5")]
)
def test_numbers_show_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text
