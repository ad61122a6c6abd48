"""What a bundle of a dead worker has held is free at once for the next run, and lost for a process that lives on."""

from __future__ import annotations

from contextlib import closing

import pytest
from msgspec.structs import replace

from datasync_spider.errors import FencedOff, LeaseHeld
from datasync_spider.storage.connection import connected
from datasync_spider.storage.runs import open_run
from datasync_spider.storage.takeover import take_over
from tests.support.database import rows
from tests.support.pages import page
from tests.support.runs import ELSEWHERE, RunWriter, open_test_run
from tests.support.sources import stream_spec

OURS = replace(ELSEWHERE, bundle="one")


def free(url: str, bundle: str) -> list[tuple[str, str]]:
    with connected(url) as connection:
        return take_over(connection, bundle, [("orders", "{}"), ("events", "{}"), ("no such stream", "{}")])


def begin(url: str) -> int:
    """By a process that knows nothing of the holder's machine."""
    with connected(url) as connection:
        return open_run(connection, stream_spec("orders"), 60_000, "test", alive=lambda _: None).run_id


def test_what_a_bundle_held_is_free_and_a_process_of_it_that_lives_on_writes_nothing(database_url: str) -> None:
    run = open_test_run(database_url, "orders", me=OURS)
    zombie = RunWriter(database_url, run)
    with closing(zombie.connection):
        zombie.write(page(1, ["a"]))
        with pytest.raises(LeaseHeld):
            begin(database_url)
        assert free(database_url, "one") == [("orders", "{}")]
        assert rows(database_url, "SELECT status, reason, detail FROM ingestion_runs") == [
            ("failed", "lost", "the worker that has started it is gone")
        ]
        with pytest.raises(FencedOff):
            zombie.write(page(2, ["b"]))
    begin(database_url)
    assert rows(database_url, "SELECT event_id FROM datasync__orders") == [("a",)]


def test_what_another_one_has_taken_over_meanwhile_stays_its_own(database_url: str) -> None:
    open_test_run(database_url, "orders", me=replace(OURS, bundle="another"))
    open_test_run(database_url, "events", me=ELSEWHERE)
    assert free(database_url, "one") == []
    # Nor is a process that no worker has started any bundle's.
    assert free(database_url, "") == []
    with pytest.raises(LeaseHeld):
        begin(database_url)
