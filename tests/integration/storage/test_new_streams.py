"""Streams that are new, opened together: each gets a row, and of one stream that is opened twice one waits its turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from datasync_spider.errors import LeaseHeld, StorageRefused
from datasync_spider.storage.connect import connected
from datasync_spider.storage.runs import open_run
from tests.support.database import execute_outside, rows, value

_BOUND_SECONDS = 30


def open_together(url: str, streams: Sequence[str]) -> list[str]:
    """Opens a run of each at one moment; how each ended: its error's class, or the stream that was opened."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(streams))

    def start(stream: str) -> None:
        with connected(url) as connection:
            barrier.wait(_BOUND_SECONDS)
            try:
                outcomes.append(open_run(connection, stream, 60_000, "test").stream)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=start, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_BOUND_SECONDS)
    return outcomes


@pytest.mark.parametrize(("size", "rounds"), [(2, 20), (4, 5)])
def test_new_streams_that_open_together_all_open(database_url: str, size: int, rounds: int) -> None:
    for round_ in range(rounds):
        streams = [f"new-{round_}-{n}" for n in range(size)]
        assert sorted(open_together(database_url, streams)) == streams
    ids = [number for (number,) in rows(database_url, "SELECT id FROM ingestion_state ORDER BY id")]
    assert ids == list(range(1, size * rounds + 2))


def test_of_one_new_stream_that_is_opened_twice_one_is_told_of_the_lease(database_url: str) -> None:
    for round_ in range(10):
        stream = f"same-{round_}"
        assert Counter(open_together(database_url, [stream] * 3)) == {stream: 1, LeaseHeld.__name__: 2}


def test_a_stream_that_waits_for_one_that_is_given_up_takes_its_number(database_url: str) -> None:
    with connected(database_url) as given_up, connected(database_url) as connection:
        with given_up.cursor() as cursor:
            cursor.execute("INSERT INTO ingestion_state (id, stream) VALUES (2, 'given-up')")
        opening = threading.Thread(target=open_run, args=(connection, "next", 60_000, "test"))
        opening.start()
        given_up.rollback()
        opening.join(_BOUND_SECONDS)
    assert value(database_url, "SELECT id FROM ingestion_state WHERE stream = 'next'") == 2


def test_the_last_number_is_followed_by_a_gap_and_a_full_table_is_named(database_url: str) -> None:
    execute_outside(
        database_url,
        "INSERT INTO ingestion_state (id, stream)"
        " SELECT n, 'taken-' || n FROM generate_series(2, 32767) AS n WHERE n <> 77",
    )
    with connected(database_url) as connection:
        open_run(connection, "fits", 60_000, "test")
        assert value(database_url, "SELECT id FROM ingestion_state WHERE stream = 'fits'") == 77
        with pytest.raises(StorageRefused, match=r"stream too-many is new.*all taken"):
            open_run(connection, "too-many", 60_000, "test")
