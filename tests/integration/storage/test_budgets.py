"""The book of a credential in a real database: one writes at a time, by its clock, and none blocks for long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.pacing.book import Ask, Declared
from datasync_spider.pacing.slots import HeldSlots
from datasync_spider.storage.budgets import Exchanged, exchange
from datasync_spider.storage.connection import connected
from datasync_spider.storage.retrying import RetryPolicy, patiently
from datasync_spider.storage.statements import statement
from tests.support.database import execute_outside, value
from tests.support.runs import open_test_run

DECLARED = Declared(40, 3600.0)


def credential_of(url: str, stream: str = "a") -> int:
    found = open_test_run(url, stream).waits.credential_id
    assert found is not None
    return found


def asked(url: str, credential_id: int, who: str, number: int = 1, wanted: int = 1) -> Exchanged:
    with connected(url) as connection:
        return exchange(connection, credential_id, HeldSlots(who).report(), Ask(number, wanted), DECLARED)


def test_many_at_once_get_as_many_slots_as_there_are(database_url: str) -> None:
    credential_id = credential_of(database_url)

    def take(place: int) -> int:
        slots = HeldSlots(str(place))
        taken = 0
        with connected(database_url) as connection:
            for number in range(1, 16):
                answer = exchange(connection, credential_id, slots.report(), Ask(number, 1), DECLARED).answer
                slots.given(number, answer.slots, 0.0)
                taken += answer.slots
        return taken

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(4))) == DECLARED.requests


def test_a_run_opens_knowing_whether_slots_were_asked_for(database_url: str) -> None:
    first = open_test_run(database_url, "a")
    assert not first.waits.has_budget
    assert first.waits.credential_id is not None
    assert asked(database_url, first.waits.credential_id, "one").answer.slots == 1
    assert open_test_run(database_url, "b").waits.has_budget


def test_a_refusal_that_another_run_has_heard_comes_with_the_next_slot(database_url: str) -> None:
    credential_id = credential_of(database_url)
    assert asked(database_url, credential_id, "one").closed_seconds == 0
    execute_outside(database_url, "UPDATE ingestion_credentials SET closed_until = now() + INTERVAL '500 seconds'")
    assert 490 < asked(database_url, credential_id, "two").closed_seconds <= 500


def test_neither_row_of_a_credential_waits_for_the_other(database_url: str) -> None:
    """Runs lock theirs beside their slice's, for as long as an end of a run takes."""
    credential_id = credential_of(database_url)
    with connected(database_url) as connection, connection.cursor() as cursor:
        values = {"credential_id": credential_id, "seconds": 1, "advised_seconds": 1}
        cursor.execute(statement("raise_waits"), values)
        # Also where the row of the budget is made.
        for number in (1, 2):
            assert asked(database_url, credential_id, "one", number).answer.slots == 1
        connection.rollback()
        cursor.execute(statement("lock_budget"), values)
        with connected(database_url) as other, other.cursor() as beside:
            other.begin(lock_timeout_ms=1_000)
            beside.execute(statement("raise_waits"), values)
            other.commit()


def test_who_is_frozen_with_the_book_in_hand_holds_others_up_for_seconds_only(database_url: str) -> None:
    credential_id = credential_of(database_url)
    assert asked(database_url, credential_id, "one").answer.slots == 1
    with connected(database_url) as frozen, frozen.cursor() as cursor:
        frozen.begin(idle_timeout_ms=2_500)
        cursor.execute(statement("lock_budget"), {"credential_id": credential_id})
        with pytest.raises(StorageUnavailable):
            asked(database_url, credential_id, "two")
        patience = RetryPolicy(60.0, 0.1, 1.0)
        assert patiently(lambda: asked(database_url, credential_id, "two"), patience).answer.slots == 1
    assert value(database_url, "SELECT jsonb_array_length(book -> 'given') FROM ingestion_budgets") == 2


def test_a_book_that_was_edited_into_nonsense_says_how_to_begin_anew(database_url: str) -> None:
    credential_id = credential_of(database_url)
    asked(database_url, credential_id, "one")
    execute_outside(database_url, """UPDATE ingestion_budgets SET book = '{"given": 3}'""")
    with pytest.raises(StorageRefused, match=rf"credential_id {credential_id} is not as .*: set it to '{{}}'"):
        asked(database_url, credential_id, "one")
    execute_outside(database_url, "UPDATE ingestion_budgets SET book = '{}'")
    assert asked(database_url, credential_id, "one").answer.slots == 1
