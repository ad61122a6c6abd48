"""The idle clock stands still while a standstill is excused, and only then."""

from __future__ import annotations

from datasync_spider.faces.progress.idle import IdleClock


def test_time_without_progress_is_idle() -> None:
    clock = IdleClock(0.0)
    assert clock.seconds(40.0) == 40.0
    clock.progressed(50.0)
    assert clock.seconds(53.0) == 3.0


def test_an_announced_pause_does_not_count() -> None:
    clock = IdleClock(0.0)
    clock.excuse("wait", until=60.0, now=10.0)
    assert clock.is_excused(59.0)
    assert clock.seconds(59.0) == 10.0
    clock.no_excuse("wait", 60.0)
    assert not clock.is_excused(60.0)
    assert clock.seconds(65.0) == 15.0


def test_a_pause_that_hangs_counts_from_its_own_end_on() -> None:
    clock = IdleClock(0.0)
    clock.excuse("wait", until=60.0, now=0.0)
    assert clock.seconds(64.0) == 0.0
    assert not clock.is_excused(66.0)
    assert clock.seconds(1_065.0) == 1_000.0


def test_pauses_that_overlap_are_counted_once() -> None:
    clock = IdleClock(0.0)
    clock.excuse("database", until=100.0, now=10.0)
    clock.excuse("wait", until=50.0, now=20.0)
    clock.no_excuse("wait", 50.0)
    clock.no_excuse("database", 90.0)
    assert clock.seconds(95.0) == 15.0


def test_the_longer_of_two_excuses_counts_though_it_ends_first() -> None:
    clock = IdleClock(0.0)
    clock.excuse("wait", until=10.0, now=0.0)
    clock.excuse("database", until=300.0, now=0.0)
    clock.no_excuse("database", 200.0)
    assert clock.seconds(210.0) == 10.0


def test_progress_within_a_pause_starts_the_clock_anew() -> None:
    clock = IdleClock(0.0)
    clock.excuse("wait", until=60.0, now=0.0)
    clock.progressed(30.0)
    clock.no_excuse("wait", 60.0)
    assert clock.seconds(70.0) == 10.0


def test_an_excuse_may_be_prolonged() -> None:
    clock = IdleClock(0.0)
    clock.excuse("database", until=10.0, now=0.0)
    clock.excuse("database", until=100.0, now=10.0)
    assert clock.is_excused(99.0)
    assert clock.seconds(99.0) == 0.0


def test_ending_an_excuse_that_never_was_changes_nothing() -> None:
    clock = IdleClock(0.0)
    clock.no_excuse("wait", 10.0)
    assert clock.seconds(10.0) == 10.0
