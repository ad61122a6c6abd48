"""The leases of many runs are renewed at once, and none is kept by what someone does to another."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage.connection import connected
from datasync_spider.storage.leases import Beat, renew_leases
from datasync_spider.storage.runs import OpenRun, finish_run, note_closed
from tests.support.database import execute_outside, rows, value
from tests.support.runs import open_test_run

MINE = Credential.of("https://api.example", "key-1")
RUNS = 50


def beats(runs: list[OpenRun]) -> list[Beat]:
    return [Beat(run, 3, 4) for run in runs]


def test_a_slice_whose_row_someone_has_keeps_the_lease_of_none_of_the_other_49_from_being_renewed(
    database_url: str,
) -> None:
    runs = [open_test_run(database_url, f"s-{number}", lease_ttl_ms=60_000) for number in range(RUNS)]
    execute_outside(database_url, "UPDATE ingestion_state SET lease_expires_at = now() WHERE lease_run_id > 0")
    with closing(psycopg2.connect(database_url)) as someone, someone.cursor() as cursor:
        cursor.execute("SELECT FROM ingestion_state WHERE id = %s FOR UPDATE", (runs[7].slice.slice_id,))
        cursor.execute("SELECT FROM ingestion_runs WHERE run_id = %s FOR UPDATE", (runs[8].run_id,))
        with connected(database_url) as connection:
            renewed = renew_leases(connection, beats(runs))
            late = rows(database_url, "SELECT stream FROM ingestion_state WHERE lease_expires_at <= now()")
            someone.rollback()
            again = renew_leases(connection, beats(runs[7:9]))
    assert [run_id for run_id, one in renewed.items() if one.lease != "renewed"] == [runs[7].run_id]
    assert renewed[runs[7].run_id].lease == "skipped"
    assert late == [("s-7",)]
    assert {one.lease for one in again.values()} == {"renewed"}
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE retries = 3 AND waited_ms = 4") == RUNS


@pytest.mark.parametrize("end", ["another run", "its own end", "its stream dropped"])
def test_a_run_whose_lease_is_gone_is_the_only_one_that_is_fenced_off(database_url: str, end: str) -> None:
    runs = [open_test_run(database_url, f"s-{number}") for number in range(3)]
    if end == "another run":
        open_test_run(database_url, "s-1")
    with connected(database_url) as connection:
        if end == "its own end":
            finish_run(connection, runs[1], "complete", "end_of_feed", None, 0, 0)
        if end == "its stream dropped":
            slice_id = runs[1].slice.slice_id
            execute_outside(database_url, f"DELETE FROM ingestion_runs WHERE slice_id = {slice_id}")
            execute_outside(database_url, f"DELETE FROM ingestion_state WHERE id = {slice_id}")
        renewed = renew_leases(connection, beats(runs))
    assert [renewed[run.run_id].lease for run in runs] == ["renewed", "fenced", "renewed"]
    beating = rows(database_url, "SELECT run_id FROM ingestion_runs WHERE retries = 3 ORDER BY run_id")
    assert beating == [(runs[0].run_id,), (runs[2].run_id,)]


def test_each_run_hears_what_its_own_credential_is_to_wait_for(database_url: str) -> None:
    runs = [open_test_run(database_url, name, credential=MINE) for name in ("a", "b")]
    alone = open_test_run(database_url, "c")
    with connected(database_url) as connection:
        note_closed(connection, runs[0], Closed(500.0, 50.0))
        renewed = renew_leases(connection, beats([*runs, alone]))
    for run in runs:
        assert 490 < renewed[run.run_id].closed.seconds <= 500
        assert 40 < renewed[run.run_id].closed.advised_seconds <= 50
    assert renewed[alone.run_id].closed == Closed()
