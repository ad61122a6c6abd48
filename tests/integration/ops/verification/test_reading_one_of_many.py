"""What is read of one stream among hundreds is its own: what the others have is not gone through."""

from __future__ import annotations

from collections.abc import Callable

from bench.crowd import MEASURED, gather
from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.ops.verification.deadletterchecks import look_through
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.dashboard import read_overview, read_rejected, read_runs
from datasync_spider.storage.deadletters import Chosen, read_groups, read_list
from datasync_spider.storage.registry import Slice, find_slice
from datasync_spider.storage.verification import read_facts, snapshot
from tests.support.sources import READER

_RUNS, _DEAD_LETTERS = 60, 10
# So often each row of one's own may be read: some statements look at a run and at its page.
_TIMES = 8
_READ = """
    SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)
    FROM pg_stat_xact_user_tables
    WHERE relname IN ('ingestion_runs', 'ingestion_pages', 'rejected_events')
"""


def rows_read(connection: Connection, look: Callable[[Connection, Slice], object]) -> int:
    """In this transaction, which must not end in between."""
    slice_ = find_slice(connection, MEASURED, READER)
    assert slice_ is not None
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        (before,) = cursor.fetchone() or (0,)
        look(connection, slice_)
        cursor.execute(_READ)
        (after,) = cursor.fetchone() or (0,)
    return int(after - before)


def verify(connection: Connection, slice_: Slice) -> None:
    facts = read_facts(connection, slice_)
    assert facts.events.rows == 2 * _RUNS
    look_through(connection, slice_, facts.events.recorded_ids)


def page(connection: Connection, slice_: Slice) -> None:
    runs = read_runs(connection, slice_ids=[slice_.slice_id], status=None, before=None, limit=10)
    assert len(runs) == 10
    dead_letters = read_rejected(
        connection, slice_ids=[slice_.slice_id], reason=None, before=None, limit=10, limit_bytes=100
    )
    assert len(dead_letters) == 10


def rejected(connection: Connection, slice_: Slice) -> None:
    read_groups(connection, Chosen(slice_), 200)
    read_list(connection, Chosen(slice_), 20, 200)


def poll(connection: Connection, _: Slice) -> None:
    overview = read_overview(connection, OVER, max_runs=10)
    assert (overview.whole["slices"], len(overview.newest_runs)) == (200, 10)


def test_what_others_have_is_not_gone_through(database_url: str) -> None:
    gather(database_url, streams=200, runs=_RUNS, dead_letters=_DEAD_LETTERS, slices=0)
    with snapshot(database_url) as connection:
        assert rows_read(connection, verify) < _TIMES * (2 * _RUNS + _DEAD_LETTERS)
    with connected(database_url) as connection:
        assert rows_read(connection, page) < 100
        assert rows_read(connection, rejected) < 100
        # Of each slice its newest run, and not the runs before that; and the ten newest of all, twice.
        assert rows_read(connection, poll) < 2 * 200
