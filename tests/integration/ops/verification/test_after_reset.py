"""A stream that was reset is sound: before the next crawl, in its middle, and when all is stored again."""

from __future__ import annotations

from datasync_spider.faces.dashboard.streamrow import StreamView, streams_page
from datasync_spider.ops.verification.completeness import RemoteTotal
from datasync_spider.storage.connection import connected
from datasync_spider.storage.dashboard import read_streams
from datasync_spider.storage.removal import find_target, reset
from datasync_spider.storage.status import read_last_runs
from tests.support.database import execute_outside
from tests.support.verifying import checks_of, failing, run_of, step


def forget(url: str) -> None:
    with connected(url) as connection:
        target = find_target(connection, "events", None)
        assert target is not None
        reset(connection, target, 60_000, alive=lambda _: False)


def test_what_is_forgotten_is_not_missed_and_what_is_stored_anew_is_all_that_counts(sound: str) -> None:
    forget(sound)
    assert failing(sound) == set()
    assert "no run has been complete yet" in checks_of(sound)["last_complete_run"].text
    run_of(sound, step(1, [10, 9], None, "g1"))
    assert failing(sound) == set()
    run_of(sound, step(1, [8, 7, 6, 5, 4, 3, 2, 1], "g1", None, ends_pass="last_page"))
    # The feed has 13 by make_sound: the three dead letters are not served again.
    assert failing(sound) == {"last_complete_run"}
    assert checks_of(sound, RemoteTotal(total=10))["api_total"].holds
    assert checks_of(sound)["run_sums"].numbers["inserted"] == 10


def test_the_page_shows_no_run_of_what_is_forgotten(sound: str) -> None:
    def shown() -> StreamView:
        with connected(sound) as connection:
            rows = read_streams(connection, slice_ids=None, text=None, after=0, limit=5)
        (view,) = streams_page(rows, 5).streams
        return view

    assert shown().run is not None
    forget(sound)
    view = shown()
    assert (view.state, view.run, view.values["total_ingested"], view.last_success_at) == ("reset", None, 0, None)
    run_of(sound, step(1, [10, 9], None, "g1"))
    assert (shown().state, shown().values["total_ingested"]) == ("stopped", 2)


def test_damage_after_a_reset_is_found_as_ever(sound: str) -> None:
    forget(sound)
    run_of(sound, step(1, [10, 9], None, "g1"), step(2, [8], "g1", "g2"))
    with connected(sound) as connection:
        (last, *_) = read_last_runs(connection, 1, 1)
    execute_outside(sound, f"DELETE FROM ingestion_pages WHERE run_id = {last['run_id']} AND page_number = 1")
    execute_outside(sound, "DELETE FROM ingested_events WHERE event_id = 'e9'")
    execute_outside(sound, "UPDATE ingestion_state SET cursor = 'elsewhere' WHERE id = 1")
    assert failing(sound) == {"stored_total", "page_numbers", "cursor_chain", "position"}
