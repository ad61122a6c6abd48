"""What an API has said of its limits belongs to a credential, is only ever raised, and survives whatever happens."""

from __future__ import annotations

import threading

import pytest

from datasync_spider.errors import LeaseHeld
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage.connection import connected
from datasync_spider.storage.credentials import claim_credential, find_waits, read_opening
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.runs import OpenRun, finish_run, note_closed, open_run
from tests.support.credentials import keep_wait
from tests.support.database import execute_outside, rows, value
from tests.support.runs import open_test_run, renew_lease
from tests.support.sources import stream_spec

MINE = Credential.of("https://api.example", "key-1")
OTHER = Credential.of("https://api.example", "key-2")
BEFORE = 12
COUNT = 8


def register(url: str, *names: str) -> None:
    """Streams whose slices have the numbers from 2 on."""
    for name in names:
        execute_outside(
            url,
            f"""
            INSERT INTO ingestion_streams (source_id, name) SELECT min(source_id), '{name}' FROM ingestion_sources;
            INSERT INTO ingestion_state (stream, stream_id)
            SELECT name, stream_id FROM ingestion_streams WHERE name = '{name}';
            """,
        )


def left(url: str, credential: Credential, slice_id: int | None = None) -> Closed:
    with connected(url) as connection:
        return find_waits(connection, credential, slice_id).closed


def note(url: str, run: OpenRun, closed: Closed) -> None:
    with connected(url) as connection:
        note_closed(connection, run, closed)


def test_what_was_asked_of_one_stream_holds_for_another_with_the_same_key_and_for_no_other_key(
    database_url: str,
) -> None:
    first = open_test_run(database_url, "a", credential=MINE)
    note(database_url, first, Closed(500.0, 50.0))
    second = open_test_run(database_url, "b", credential=MINE).waits
    assert second.credential_id == first.waits.credential_id
    assert 490 < second.closed.seconds <= 500
    assert 40 < second.closed.advised_seconds <= 50
    assert open_test_run(database_url, "c", credential=OTHER).waits.closed == Closed()
    # One that has no row yet is found as well.
    assert left(database_url, MINE).seconds > 490
    assert left(database_url, OTHER) == Closed()


def test_a_heartbeat_learns_what_another_run_has_heard_meanwhile(database_url: str) -> None:
    first = open_test_run(database_url, "a", credential=MINE)
    second = open_test_run(database_url, "b", credential=MINE)
    with connected(database_url) as connection:
        assert renew_lease(connection, second, 0, 0) == Closed()
        finish_run(connection, first, "failed", "wait_too_long", None, 0, 0, Closed(500.0, 50.0))
        learned = renew_lease(connection, second, 0, 0)
    assert 490 < learned.seconds <= 500
    assert 40 < learned.advised_seconds <= 50


def test_a_wait_is_raised_and_never_lowered_by_whichever_run(database_url: str) -> None:
    first = open_test_run(database_url, "a", credential=MINE)
    second = open_test_run(database_url, "b", credential=MINE)
    note(database_url, first, Closed(500.0, 5.0))
    note(database_url, second, Closed(5.0, 50.0))
    note(database_url, second, Closed())
    closed = left(database_url, MINE)
    assert closed.seconds > 490
    assert closed.advised_seconds > 40


def test_a_slice_whose_key_was_changed_leaves_the_old_keys_waits_behind(database_url: str) -> None:
    run = open_test_run(database_url, credential=MINE)
    note(database_url, run, Closed(500.0))
    assert open_test_run(database_url, credential=OTHER).waits.closed == Closed()
    assert open_test_run(database_url, credential=MINE).waits.closed.seconds > 490


@pytest.fixture
def earlier_database_url(empty_database_url: str) -> str:
    """As it was before waits belonged to credentials."""
    with connected(empty_database_url) as connection:
        migrate(connection, load_migrations()[:BEFORE])
    return empty_database_url


def test_waits_of_earlier_versions_come_along_and_are_claimed_by_the_slices_next_run(earlier_database_url: str) -> None:
    url = earlier_database_url
    register(url, "b", "c", "d")
    execute_outside(
        url,
        """
        UPDATE ingestion_state SET closed_until = now() + INTERVAL '500 s' WHERE stream = 'events';
        UPDATE ingestion_state SET advised_until = 'infinity', closed_until = now() - INTERVAL '1 s' WHERE stream = 'b';
        UPDATE ingestion_state SET closed_until = now() - INTERVAL '1 s' WHERE stream = 'c';
        """,
    )
    with connected(url) as connection:
        migrate(connection)
    assert value(url, "SELECT count(*) FROM ingestion_credentials") == 2
    assert value(url, "SELECT count(credential_id) FROM ingestion_state") == 2
    # Before it is claimed it holds back whichever key the slice is asked with, and no other slice.
    assert left(url, MINE, 1).seconds > 490
    assert left(url, MINE, 3) == left(url, MINE, None) == Closed()
    assert open_test_run(url, "b", credential=MINE).waits.closed.advised_seconds > 86_400 * 365
    claimed = open_test_run(url, credential=MINE).waits
    assert claimed.closed.seconds > 490
    assert claimed.closed.advised_seconds > 86_400 * 365
    assert value(url, "SELECT count(*) FROM ingestion_credentials") == 1
    assert open_test_run(url, "d", credential=MINE).waits.closed.seconds > 490
    assert open_test_run(url, "c", credential=OTHER).waits.closed == Closed()


def test_of_the_kept_wait_and_the_credentials_own_the_later_counts(database_url: str) -> None:
    note(database_url, open_test_run(database_url, "a", credential=MINE), Closed(500.0, 5.0))
    keep_wait(database_url, "now() + INTERVAL '5 s'")
    assert open_test_run(database_url, credential=MINE).waits.closed.seconds > 490
    keep_wait(database_url, "now() + INTERVAL '50 s'", "advised_until")
    assert left(database_url, MINE, 1).advised_seconds > 40
    claimed = open_test_run(database_url, credential=MINE).waits.closed
    assert claimed.seconds > 490
    assert claimed.advised_seconds > 40


def test_a_run_that_is_not_opened_claims_nothing(database_url: str) -> None:
    """Its transaction ends before it commits: with a refusal, or with the process."""
    keep_wait(database_url, "now() + INTERVAL '500 s'")
    before = rows(database_url, "SELECT * FROM ingestion_credentials")
    with connected(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM ingestion_state WHERE id = 1 FOR UPDATE")
        assert claim_credential(cursor, 1, MINE, read_opening(cursor, 1)).closed.seconds > 490
    assert rows(database_url, "SELECT * FROM ingestion_credentials") == before
    with connected(database_url) as connection:
        open_run(connection, stream_spec("events", credential=MINE), 60_000, "test")
        with pytest.raises(LeaseHeld):
            open_run(connection, stream_spec("events", credential=OTHER), 60_000, "test")
    assert value(database_url, "SELECT count(*) FROM ingestion_credentials") == 1


def test_many_slices_that_open_at_once_with_a_new_credential_share_one_row(database_url: str) -> None:
    names = ["events", *(f"stream-{n}" for n in range(2, COUNT + 1))]
    register(database_url, *names[1:])
    for slice_id in range(1, COUNT + 1, 2):
        keep_wait(database_url, f"now() + INTERVAL '{slice_id}00 s'", slice_id=slice_id)
    ready = threading.Barrier(COUNT)
    outcomes: list[OpenRun | Exception] = []

    def open_one(stream: str) -> None:
        ready.wait()
        try:
            run = open_test_run(database_url, stream, credential=MINE)
            note(database_url, run, Closed(10.0))
            with connected(database_url) as connection:
                finish_run(connection, run, "failed", "wait_too_long", None, 0, 0, Closed(20.0))
            outcomes.append(run)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            outcomes.append(error)

    threads = [threading.Thread(target=open_one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [outcome for outcome in outcomes if not isinstance(outcome, OpenRun)] == []
    assert len(outcomes) == COUNT
    assert value(database_url, "SELECT count(*) FROM ingestion_credentials") == 1
    assert left(database_url, MINE).seconds > 600


def test_neither_the_key_nor_a_digest_that_others_have_is_stored(database_url: str, empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        migrate(connection)
    stored = []
    for url in (database_url, empty_database_url):
        open_test_run(url, credential=MINE)
        stored += rows(url, "SELECT fingerprint FROM ingestion_credentials")
        assert "key-1" not in str(rows(url, "SELECT * FROM ingestion_credentials, ingestion_credential_salt"))
    # That one is copied from a template, as the tests' databases are; a salt is made by the migration.
    assert stored[0] != stored[1]


def test_without_its_salt_a_database_begins_anew(database_url: str) -> None:
    note(database_url, open_test_run(database_url, credential=MINE), Closed(500.0))
    execute_outside(database_url, "DELETE FROM ingestion_credential_salt")
    assert left(database_url, MINE) == Closed()
    assert open_test_run(database_url, credential=MINE).waits.closed == Closed()
    assert open_test_run(database_url, credential=OTHER).waits.closed == Closed()
    assert value(database_url, "SELECT count(*) FROM ingestion_credential_salt") == 1
