"""Batches follow the database, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.sync.writing import BatchSize


def test_a_quick_database_gets_batches_of_the_largest_size() -> None:
    size = BatchSize(1000)
    assert not size.written(1000, 0.3)
    assert size.rows == 1000


def test_a_slow_commit_halves_the_batch_and_quick_ones_bring_it_back() -> None:
    size = BatchSize(1000)
    assert size.written(1000, 2.5)
    assert size.rows == 500
    assert size.written(500, 0.5)
    assert size.rows == 750
    assert size.written(750, 0.5)
    assert size.rows == 1000


def test_what_takes_between_one_and_two_seconds_changes_nothing() -> None:
    size = BatchSize(1000)
    size.written(1000, 3.0)
    assert not size.written(500, 1.5)
    assert size.rows == 500


def test_a_batch_that_was_not_full_is_no_reason_to_grow() -> None:
    size = BatchSize(1000)
    size.written(1000, 3.0)
    assert not size.written(499, 0.1)
    assert size.rows == 500


@given(st.integers(1, 1_000_000), st.lists(st.tuples(st.integers(0, 1_000_000), st.floats(0, 100)), max_size=30))
def test_the_size_stays_within_a_tenth_and_the_whole(largest: int, written: list[tuple[int, float]]) -> None:
    size = BatchSize(largest)
    for rows, seconds in written:
        size.written(rows, seconds)
        assert max(1, largest // 10) <= size.rows <= largest
