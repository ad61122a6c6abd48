"""What is compared for the price of slices: the same rows in two tables, one of which says whose they are."""

from __future__ import annotations

from bench.sidebyside import write_side_by_side
from tests.support.database import rows, value


def test_the_same_rows_are_written_into_both_tables_and_each_has_its_own_time(database_url: str) -> None:
    unsliced, sliced = write_side_by_side(database_url, 30_000)
    assert min(unsliced.seconds, sliced.seconds, unsliced.cpu_seconds, sliced.cpu_seconds) > 0
    assert value(database_url, "SELECT count(*) FROM datasync__sliced") == 30_000
    assert value(database_url, "SELECT count(DISTINCT slice_id) FROM datasync__sliced") == 1
    assert (
        rows(
            database_url,
            "SELECT event_id, occurred_at, payload FROM datasync__unsliced"
            " EXCEPT SELECT event_id, occurred_at, payload FROM datasync__sliced",
        )
        == []
    )
