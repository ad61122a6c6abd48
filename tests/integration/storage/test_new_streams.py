"""Streams that are new, opened together: each gets a row, and of one stream that is opened twice one waits its turn."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from datasync_spider.errors import LeaseHeld
from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import StreamSpec
from datasync_spider.storage.runs import open_run
from tests.support.database import rows
from tests.support.sources import stream_spec

_BOUND_SECONDS = 30


def open_together(url: str, streams: Sequence[str | StreamSpec]) -> list[str]:
    """Opens a run of each at one moment; how each ended: its error's class, or the stream that was opened."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(streams))

    def start(stream: str | StreamSpec) -> None:
        spec = stream_spec(stream) if isinstance(stream, str) else stream
        with connected(url) as connection:
            barrier.wait(_BOUND_SECONDS)
            try:
                outcomes.append(open_run(connection, spec, 60_000, "test").slice.stream)
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
    tables = rows(database_url, "SELECT table_name FROM ingestion_streams ORDER BY stream_id")
    assert len(set(tables)) == len(rows(database_url, "SELECT FROM ingestion_state")) == size * rounds + 1


def test_new_slices_of_one_new_stream_that_open_together_all_open(database_url: str) -> None:
    slices = [stream_spec("sliced", json.dumps({"n": n})) for n in range(4)]
    assert open_together(database_url, slices) == ["sliced"] * 4
    assert len(rows(database_url, "SELECT FROM ingestion_state WHERE stream = 'sliced'")) == 4


def test_new_streams_that_open_together_in_a_new_schema_all_open(database_url: str) -> None:
    for round_ in range(5):
        names = [f"new-{round_}-{n}" for n in range(4)]
        assert sorted(open_together(database_url, [stream_spec(name, schema=f"s{round_}") for name in names])) == names


def test_of_one_new_stream_that_is_opened_twice_one_is_refused_for_the_lease(database_url: str) -> None:
    for round_ in range(10):
        stream = f"same-{round_}"
        assert Counter(open_together(database_url, [stream] * 3)) == {stream: 1, LeaseHeld.__name__: 2}
