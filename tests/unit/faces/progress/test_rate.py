"""The sliding rate forgets what is older than its window."""

from __future__ import annotations

from datasync_spider.faces.progress.rate import RateMeter


def test_a_lump_counts_for_as_long_as_the_window() -> None:
    meter = RateMeter(10.0, 0.0)
    meter.add(25_000, 100.0)
    assert meter.per_second(100.0) == 2_500
    assert meter.per_second(109.9) == 2_500
    assert meter.per_second(110.0) == 0


def test_before_the_window_is_full_the_time_since_the_start_counts() -> None:
    meter = RateMeter(10.0, 0.0)
    meter.add(1_000, 2.0)
    assert meter.per_second(2.0) == 500


def test_the_first_instant_gives_no_fantastic_rate() -> None:
    meter = RateMeter(10.0, 0.0)
    meter.add(5_000, 0.0)
    assert meter.per_second(0.0) == 5_000
