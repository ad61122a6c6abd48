"""Each check of ``scrapy verify`` can fail: a sound database is damaged, and exactly the checks concerned say so."""

from __future__ import annotations

import pytest

from datasync_spider.observe import exitcodes
from datasync_spider.ops.verification.check import exit_code
from datasync_spider.ops.verification.completeness import RemoteTotal
from tests.support.database import execute_outside
from tests.support.verifying import ACCOUNTED, checks_of, failing

# The last run of the sound database that is no replay.
LAST = "(SELECT max(run_id) FROM ingestion_runs)"
SET_RIGHT = "UPDATE ingestion_state SET total_ingested = (SELECT count(*) FROM ingested_events)"


def test_a_sound_database_passes_every_check(sound: str) -> None:
    checks = checks_of(sound, RemoteTotal(ACCOUNTED))
    assert [check.text for check in checks.values() if not check.holds] == []
    assert exit_code(checks.values()) == exitcodes.COMPLETE


@pytest.mark.parametrize(
    ("damage", "concerned"),
    [
        pytest.param(
            "DELETE FROM ingested_events WHERE event_id = 'e3'",
            {"stored_total", "last_complete_run"},
            id="an event is deleted",
        ),
        pytest.param(
            "INSERT INTO ingested_events (event_id, payload) VALUES ('alien', '{}')",
            {"stored_total"},
            id="an event is added by other hands",
        ),
        pytest.param(
            "UPDATE ingestion_state SET total_ingested = total_ingested - 1",
            {"stored_total", "run_sums"},
            id="a total is changed",
        ),
        pytest.param(
            "INSERT INTO ingested_events (event_id, payload) VALUES ('alien', '{}'); " + SET_RIGHT,
            {"run_sums"},
            id="an event is added that no run stored, and the total with it",
        ),
        pytest.param(
            "UPDATE ingestion_state SET total_rejected = total_rejected + 1",
            {"rejected_total"},
            id="the total of the rejected is changed",
        ),
        pytest.param(
            "DELETE FROM rejected_events WHERE reason = 'no_id'",
            {"rejected_total", "last_complete_run"},
            id="a dead letter is deleted",
        ),
        pytest.param(
            "UPDATE rejected_events SET replayed_at = now() WHERE reason = 'no_id';"
            "UPDATE ingestion_state SET total_rejected = total_rejected - 1",
            {"replays", "last_complete_run"},
            id="a dead letter is called resolved though no replay did it",
        ),
        pytest.param(
            "UPDATE rejected_events SET replayed_at = NULL; UPDATE ingestion_state SET total_rejected = 3",
            {"stored_or_rejected"},
            id="a resolved dead letter is called open",
        ),
        pytest.param(
            "UPDATE ingested_events SET event_id = 'acceptable' WHERE event_id = 'e3'",
            {"stored_or_rejected", "last_complete_run"},
            id="an event is stored whose dead letter is open",
        ),
        pytest.param(
            "UPDATE ingested_events SET event_id = 'another' WHERE event_id = 'replayed'",
            {"settled_are_stored"},
            id="the event of a resolved dead letter is gone",
        ),
        pytest.param(
            "UPDATE rejected_events SET raw = raw || ' ' WHERE reason = 'no_id'",
            {"rejected_bytes"},
            id="the bytes of a dead letter are changed",
        ),
        pytest.param(
            "UPDATE ingestion_state SET newest_event_id = 'e9', newest_occurred_at = '2023-11-14 22:13:29Z'",
            {"watermarks"},
            id="the newest watermark lies before the newest event",
        ),
        pytest.param(
            "UPDATE ingestion_state SET oldest_event_id = 'e0', oldest_occurred_at = '2023-11-14 22:13:20Z'",
            {"watermarks"},
            id="the oldest watermark names an event that is not there",
        ),
        pytest.param(
            "UPDATE ingestion_state SET oldest_occurred_at = NULL, oldest_event_id = NULL",
            {"watermarks"},
            id="a watermark is lost",
        ),
        pytest.param(
            "UPDATE ingested_events SET occurred_at = 'infinity' WHERE event_id = 'e3'",
            {"watermarks"},
            id="an event is set to the end of all times",
        ),
        pytest.param(
            "UPDATE ingested_events SET event_id = '56a349b5-0000-4000-8000-00000000000a' WHERE event_id = 'e3';"
            "UPDATE ingested_events SET event_id = '56A349B5-0000-4000-8000-00000000000A' WHERE event_id = 'e4'",
            {"id_spellings"},
            id="a UUID is stored in small letters and in capitals",
        ),
        pytest.param(
            "UPDATE ingested_events SET event_id = '56a349B5-0000-4000-8000-00000000000a' WHERE event_id = 'e3';"
            "UPDATE ingested_events SET event_id = '56A349b5-0000-4000-8000-00000000000a' WHERE event_id = 'e4'",
            {"id_spellings"},
            id="a UUID is stored in two mixtures of letters",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET inserted = inserted - 1, duplicates = duplicates + 1 WHERE run_id = 1",
            {"ledger_sums"},
            id="a page is said to have brought less",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET bytes = bytes + 1 WHERE run_id = 1 AND page_number = 1",
            {"ledger_sums"},
            id="a page is said to be larger",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET events = events + 1 WHERE run_id = 1 AND page_number = 1;"
            "UPDATE ingestion_runs SET events = events + 1 WHERE run_id = 1",
            {"ledger_lines"},
            id="a page held an event that is not accounted for",
        ),
        pytest.param(
            f"UPDATE ingestion_pages SET page_number = 7 WHERE run_id = {LAST} AND page_number = 2",
            {"page_numbers"},
            id="a page is numbered otherwise",
        ),
        pytest.param(
            "DELETE FROM ingestion_pages WHERE run_id = 2 AND page_number = 2",
            {"page_numbers", "ledger_sums", "cursor_chain"},
            id="a page is missing between two others",
        ),
        pytest.param(
            f"DELETE FROM ingestion_pages WHERE run_id = {LAST} AND page_number = 2",
            {"page_numbers", "ledger_sums", "position"},
            id="the last page is missing",
        ),
        pytest.param(
            f"DELETE FROM ingestion_pages WHERE run_id = {LAST} AND page_number = 1",
            {"page_numbers", "cursor_chain"},
            id="the first page of the present pass is missing",
        ),
        pytest.param(
            "DELETE FROM ingestion_pages",
            {"page_numbers", "position"},
            id="the whole ledger is missing, that of the present pass too",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET cursor = 'elsewhere' WHERE run_id = 1 AND page_number = 2",
            {"cursor_chain"},
            id="a page was asked for with another cursor",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET cursor = 'elsewhere' WHERE run_id = 2 AND page_number = 1",
            {"cursor_chain"},
            id="a run did not go on where the one before it stopped",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET cursor = 'elsewhere' WHERE run_id = 2 AND page_number = 2",
            {"cursor_chain"},
            id="a chain does not begin at the head",
        ),
        pytest.param(
            "UPDATE ingestion_pages SET next_cursor = NULL WHERE run_id = 1 AND page_number = 1;"
            "UPDATE ingestion_pages SET cursor = NULL WHERE run_id = 1 AND page_number = 2",
            {"cursor_chain"},
            id="a chain goes on behind its end",
        ),
        pytest.param("UPDATE ingestion_state SET cursor = 'elsewhere'", {"position"}, id="the position is changed"),
        pytest.param(
            "UPDATE ingestion_state SET pass_number = pass_number - 1",
            {"position"},
            id="the position is set back by a pass",
        ),
        pytest.param(
            "UPDATE ingestion_state SET pass_number = pass_number + 1, pass_status = 'open'",
            {"position"},
            id="a pass begins elsewhere than at the head",
        ),
        pytest.param(
            "UPDATE ingestion_runs SET expected_total = 99 WHERE status = 'complete'",
            {"last_complete_run"},
            id="the last complete run was given more",
        ),
        pytest.param(
            "UPDATE ingestion_state SET pass_status = 'short', pass_expected_total = 99",
            {"last_complete_run"},
            id="the last pass ended short",
        ),
    ],
)
def test_a_damage_is_found_by_the_checks_that_it_concerns_and_no_other(
    sound: str, damage: str, concerned: set[str]
) -> None:
    execute_outside(sound, damage)
    assert failing(sound, RemoteTotal(0)) == concerned


def test_every_check_has_been_seen_to_fail() -> None:
    (cases,) = [
        mark.args[1]
        for mark in test_a_damage_is_found_by_the_checks_that_it_concerns_and_no_other.pytestmark  # type: ignore[attr-defined]
    ]
    assert set().union(*(case.values[1] for case in cases)) | {"api_total"} == ALL_CHECKS


ALL_CHECKS = {
    "stored_total",
    "rejected_total",
    "run_sums",
    "replays",
    "watermarks",
    "id_spellings",
    "rejected_bytes",
    "stored_or_rejected",
    "settled_are_stored",
    "ledger_lines",
    "ledger_sums",
    "page_numbers",
    "cursor_chain",
    "position",
    "last_complete_run",
    "api_total",
}


def test_the_checks_are_those_that_are_damaged_here(sound: str) -> None:
    assert checks_of(sound, RemoteTotal(0)).keys() == ALL_CHECKS


def test_more_at_the_api_than_is_accounted_for_is_a_shortfall_and_nothing_else(sound: str) -> None:
    checks = checks_of(sound, RemoteTotal(ACCOUNTED + 1))
    assert "1 are missing" in checks["api_total"].text
    assert exit_code(checks.values()) == exitcodes.INCOMPLETE


def test_a_shortfall_beside_a_damage_is_a_failure(sound: str) -> None:
    execute_outside(sound, "UPDATE ingestion_state SET cursor = 'elsewhere'")
    assert exit_code(checks_of(sound, RemoteTotal(ACCOUNTED + 1)).values()) == exitcodes.FAILED


def test_an_api_that_does_not_answer_leaves_the_total_unproven(sound: str) -> None:
    checks = checks_of(sound, RemoteTotal(None, "connection refused", "start it"))
    assert not checks["api_total"].holds
    assert exit_code(checks.values()) == exitcodes.FAILED


def test_every_failure_comes_with_a_remedy_and_nothing_else_does(sound: str) -> None:
    execute_outside(
        sound, "DELETE FROM ingested_events; UPDATE rejected_events SET raw = ''; DELETE FROM ingestion_pages"
    )
    checks = checks_of(sound, RemoteTotal(ACCOUNTED)).values()
    assert len([check for check in checks if not check.holds]) > 4
    assert all(check.holds == (check.remedy is None) for check in checks)
