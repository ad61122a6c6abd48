"""What is not usual but right passes every check of ``scrapy verify``."""

from __future__ import annotations

from dataclasses import replace

from datasync_spider.observe import exitcodes
from datasync_spider.ops.verification.check import exit_code
from datasync_spider.ops.verification.completeness import RemoteTotal
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from tests.support.database import execute_outside, value
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.pages import event, page
from tests.support.runs import open_test_run, run_writer
from tests.support.verifying import checks_of, failing, look, replay_all, run_of, step
from tests.support.waiting import eventually

SET_RIGHT = (
    "UPDATE ingestion_state SET pass_status = 'new',"
    " total_ingested = (SELECT count(*) FROM ingested_events), total_filtered = 0"
)


def test_a_database_in_which_nothing_has_happened_yet(database_url: str) -> None:
    assert failing(database_url, RemoteTotal(0)) == set()


def test_a_stream_whose_first_page_is_not_committed_yet(database_url: str) -> None:
    open_test_run(database_url)
    assert failing(database_url) == set()


def test_a_pass_that_has_just_begun_behind_another_one(sound: str) -> None:
    open_test_run(sound)
    assert failing(sound) == set()


def test_a_pass_in_the_middle_of_a_chain(sound: str) -> None:
    run_of(sound, step(1, [12, 11], None, "g1"), step(2, [10], "g1", "g2"))
    assert failing(sound) == set()


def test_old_pages_of_ended_passes_that_were_deleted(sound: str) -> None:
    execute_outside(sound, "DELETE FROM ingestion_pages WHERE run_id = 1 OR (run_id = 2 AND page_number = 1)")
    checks = checks_of(sound)
    assert [check.text for check in checks.values() if not check.holds] == []
    assert "old pages of 2 runs were deleted" in checks["page_numbers"].text


def test_all_pages_of_ended_passes_that_were_deleted(sound: str) -> None:
    open_test_run(sound)
    execute_outside(sound, "DELETE FROM ingestion_pages")
    assert failing(sound) == set()


def test_events_that_were_deleted_where_the_totals_were_set_right(sound: str) -> None:
    execute_outside(sound, "DELETE FROM ingested_events WHERE event_id IN ('e1', 'e10', 'replayed')")
    assert "stored_total" in failing(sound)
    execute_outside(sound, SET_RIGHT)
    checks = checks_of(sound)
    assert {name for name, check in checks.items() if not check.holds} == {"last_complete_run"}
    assert exit_code(checks.values()) == exitcodes.INCOMPLETE
    assert "3 were deleted later" in checks["run_sums"].text


def test_resolved_dead_letters_that_were_thrown_away(sound: str) -> None:
    execute_outside(sound, "DELETE FROM rejected_events WHERE replayed_at IS NOT NULL")
    assert failing(sound) == set()


def test_a_database_that_was_adopted_in_the_middle_of_the_feed(empty_database_url: str) -> None:
    url = empty_database_url
    execute_outside(url, load_migrations()[0].sql)
    columns = "INSERT INTO ingested_events (event_id, occurred_at, payload) VALUES"
    execute_outside(url, f"{columns} ('old-1', NULL, '{{}}'), ('old-2', NULL, '{{}}')")
    execute_outside(url, "INSERT INTO ingestion_state (id, cursor, total_ingested) VALUES (1, 'here', 2)")
    with connected(url) as connection:
        migrate(connection)
    assert failing(url) == set()
    run_of(url, step(1, [3], "here", "c1"))
    run_of(url, step(1, [2], "c1", "c2"))
    checks = checks_of(url)
    assert [check.text for check in checks.values() if not check.holds] == []
    assert "2 were there before the first one" in checks["run_sums"].text


def test_a_newest_event_that_postgresql_refused(database_url: str) -> None:
    refused = event("refused", 1_800_000_000_000_000, b'{"id":"refused","n":1e400000}')
    with run_writer(database_url) as run:
        run.write(page(1, [event("a"), refused]))
    facts, _ = look(database_url)
    assert facts.events.recorded_ends == facts.events.ends
    assert failing(database_url) == set()


def test_a_watermark_of_an_earlier_version_whose_event_postgresql_refused(database_url: str) -> None:
    refused = event("refused", 1_800_000_000_000_000, b'{"id":"refused","n":1e400000}')
    with run_writer(database_url) as run:
        run.write(page(1, [event("a"), refused]))
    mark = "newest_event_id = 'refused', newest_occurred_at = to_timestamp(1800000000)"
    execute_outside(database_url, f"UPDATE ingestion_state SET {mark}")
    facts, dead_letters = look(database_url)
    assert facts.events.recorded_ends != facts.events.ends
    assert dead_letters.marks == {"refused"}
    assert failing(database_url) == set()


def test_an_event_that_came_again_with_a_later_time(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a")]))
        run.write(page(2, [event("a", 1_800_000_000_000_000, b'{"id":"a","v":2}')]))
    assert failing(database_url) == set()


def test_an_item_pipeline_that_adds_events(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(replace(page(1, ["a", "b", "c"]), received_events=2))
    assert failing(database_url) == set()


def test_a_pass_that_has_just_begun_behind_one_that_filtered_events(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(replace(page(1, ["a"], ends_pass="last_page", expected_total=3), received_events=3))
    assert failing(database_url, RemoteTotal(3)) == set()
    open_test_run(database_url)
    assert failing(database_url, RemoteTotal(3)) == set()
    assert failing(database_url, RemoteTotal(4)) == {"api_total"}


def test_ids_that_differ_by_case_and_are_no_uuids(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["aB", "Ab", "AB"]))
    assert failing(database_url) == set()


def test_a_uuid_in_capitals_that_has_no_other_spelling(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["56A349B5-0000-4000-8000-00000000000A", "56A349B5-0000-4000-8000-00000000000B"]))
    assert failing(database_url) == set()


def test_dead_letters_that_this_version_could_store_are_accounted_for_and_reported(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b"{}", raw_event("b")])
    checks = checks_of(database_url)
    assert all(check.holds for check in checks.values())
    assert "this version could store 2 of them: scrapy replay" in checks["stored_or_rejected"].text
    replay_all(database_url)
    assert failing(database_url) == set()


def test_an_event_accounted_for_twice_hides_no_shortfall_before_a_replay_nor_after_it(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")], stored=["a"], expected_total=2)
    checks = checks_of(database_url)
    assert {name for name, check in checks.items() if not check.holds} == {"stored_or_rejected", "last_complete_run"}
    assert "1 stored + 1 rejected - 1 counted twice, but the API counted 2" in checks["last_complete_run"].text
    replay_all(database_url)
    checks = checks_of(database_url)
    assert {name for name, check in checks.items() if not check.holds} == {"last_complete_run"}
    assert exit_code(checks.values()) == exitcodes.INCOMPLETE


def test_two_streams_are_verified_each_by_itself(sound: str) -> None:
    run_of(sound, step(1, [112, 111], None, "x1"), step(2, [110], "x1", "x2"), stream="other")
    for stream in ("events", "other"):
        assert failing(sound, stream=stream) == set()
    execute_outside(sound, "UPDATE ingestion_state SET cursor = 'elsewhere' WHERE stream = 'other'")
    assert failing(sound, stream="other") == {"position"}
    assert failing(sound, stream="events") == set()


def test_a_large_table_is_summed_up_without_being_sorted_on_disk(database_url: str) -> None:
    execute_outside(database_url, f"INSERT INTO ingested_events (event_id, occurred_at, payload) {MANY}")
    execute_outside(database_url, "ANALYZE ingested_events")
    temporary = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
    before = value(database_url, temporary)
    assert look(database_url)[0].events.rows == 200_000
    # A server process reports when it ends.
    eventually(lambda: not value(database_url, OTHERS), what="the end of the connection")
    assert value(database_url, temporary) == before


MANY = """
    SELECT gen_random_uuid()::text, '2025-01-01Z'::timestamptz + n * INTERVAL '4 s', json_build_object('type', n % 8)
    FROM generate_series(1, 200000) AS n
"""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_days_and_types_are_counted_and_no_row_is_left_out(database_url: str) -> None:
    day_us = 86_400_000_000
    with run_writer(database_url) as run:
        run.write(
            page(
                1,
                [
                    event("a", day_us * 20_000, b'{"type":"click"}'),
                    event("b", day_us * 20_000 + day_us - 1, b'{"type":"view"}'),
                    event("c", day_us * 20_001, b'{"type":"click"}'),
                    event("d", None, b'{"type":7}'),
                    event("e", day_us * 20_001, b"{}"),
                ],
            )
        )
    events = look(database_url)[0].events
    assert events.days == (("2024-10-05", 2), ("2024-10-04", 2), (None, 1))
    assert sorted(events.types, key=str) == sorted([("click", 2), ("view", 1), ("7", 1), (None, 1)], key=str)
    assert events.rows == 5
