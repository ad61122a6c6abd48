from __future__ import annotations

import msgspec

from bench.compare import changes, comparison_table
from tests.unit.bench.reports import MACHINE, case, figure, report


def test_a_difference_within_the_rounds_own_is_no_change() -> None:
    then = report(case("database", figure("crawl", 100.0, 110.0, 120.0)))
    now = report(case("database", figure("crawl", 118.0, 125.0, 130.0)))
    (change,) = changes(then, now)
    assert change.verdict == "within the spread"
    assert (change.then, change.now) == (110.0, 125.0)


def test_a_difference_beyond_both_spreads_is_one() -> None:
    then = report(case("database", figure("crawl", 100.0, 110.0, 120.0)))
    now = report(case("database", figure("crawl", 121.0, 132.0, 140.0)))
    (change,) = changes(then, now)
    assert change.verdict == "changed"
    assert change.share is not None
    assert round(change.share, 3) == 0.2


def test_one_round_has_no_spread_to_distinguish_a_change_from() -> None:
    then = report(case("database", figure("crawl", 100.0)))
    now = report(case("database", figure("crawl", 200.0, 201.0)))
    assert [change.verdict for change in changes(then, now)] == ["one round shows nothing"]


def test_ratios_are_compared_where_both_runs_have_them() -> None:
    then = report(case("database", figure("crawl", 50_000.0, ratios=(0.7, 0.72))))
    now = report(case("database", figure("crawl", 99_000.0, ratios=(0.71, 0.73))))
    (change,) = changes(then, now)
    assert change.verdict == "within the spread"
    assert change.unit == "of the limit"


def test_what_only_one_run_has_is_said_and_a_case_that_was_not_run_now_is_left_out() -> None:
    then = report(case("database", figure("old", 1.0)), case("chain", figure("crawl", 1.0)))
    now = report(case("database", figure("new", 1.0)))
    assert [(change.what, change.verdict) for change in changes(then, now)] == [
        ("new", "only now"),
        ("old", "only then"),
    ]


def test_the_table_says_first_what_else_is_different() -> None:
    other = msgspec.structs.replace(MACHINE, cpu="Another", versions={"python": "3.12.1"})
    text = comparison_table(
        report(case("database", figure("crawl", 100.0, 101.0))),
        report(case("database", figure("crawl", 151.5, 150.0)), machine=other, commit="def"),
    )
    assert "compared with 2026-01-02T03:04:05+00:00, commit abc" in text
    assert "another machine: 2 × A processor; only ratios can be compared" in text
    assert "python: 3.11.7 then, 3.12.1 now" in text
    assert "+50%" in text
    assert "changed" in text
