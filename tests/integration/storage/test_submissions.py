"""The table of attempts: one at a time, counted when uncertain, and resolved when its process has died."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from datasync_spider.datasync.submission.quota import Tries, check_tries
from datasync_spider.datasync.submission.refusal import SubmissionRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.owner import Owner
from datasync_spider.storage.submissions import (
    AttemptInProgress,
    Ending,
    Plan,
    count_used,
    end_attempt,
    mark_sent,
    plan_attempt,
    read_attempts,
    resolve_abandoned,
)
from tests.support.database import execute_outside, rows, value

KEY = "0123456789abcdef"
ELSEWHERE = Owner("elsewhere", "another boot", 4711, 1.0)


def plan(key: str = KEY, lasts_ms: int = 60_000) -> Plan:
    return Plan(
        stream="events",
        api="http://127.0.0.1:1",
        key_fingerprint=key,
        repo="https://github.com/a/b",
        event_count=3,
        body_bytes=5,
        sha256="00",
        lasts_ms=lasts_ms,
    )


def allow_any(used: int) -> None:
    assert used >= 0


def begin(url: str, *, key: str = KEY, sent: bool = True, me: Owner | None = None) -> int:
    with connected(url) as connection:
        attempt_id = plan_attempt(connection, plan(key), allow_any, me)
        if sent:
            mark_sent(connection, attempt_id)
    return attempt_id


def end(url: str, attempt_id: int, ending: Ending) -> None:
    with connected(url) as connection:
        end_attempt(connection, attempt_id, ending)


def used(url: str, key: str = KEY) -> int:
    with connected(url) as connection:
        return count_used(connection, key)


def statuses(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT status, ended_at IS NOT NULL FROM submission_attempts ORDER BY attempt_id")


@pytest.mark.parametrize("status", ["accepted", "refused", "unknown"])
def test_whatever_was_sent_counts_as_used_however_it_ended(database_url: str, status: str) -> None:
    attempt_id = begin(database_url)
    assert used(database_url) == 1
    end(database_url, attempt_id, Ending(status))
    assert used(database_url) == 1


def test_a_plan_that_came_to_nothing_uses_up_no_try_and_makes_room(database_url: str) -> None:
    attempt_id = begin(database_url, sent=False)
    end(database_url, attempt_id, Ending("planned", "nothing was sent"))
    assert used(database_url) == 0
    begin(database_url)


def test_a_second_attempt_of_the_same_key_is_refused_while_one_is_in_progress(database_url: str) -> None:
    begin(database_url, sent=False)
    with pytest.raises(AttemptInProgress):
        begin(database_url)
    with connected(database_url) as connection, pytest.raises(AttemptInProgress, match="process"):
        resolve_abandoned(connection, KEY)


def test_keys_do_not_hinder_each_other(database_url: str) -> None:
    begin(database_url)
    begin(database_url, key="another-key")
    assert used(database_url) == 1


def test_of_many_that_begin_together_exactly_one_gets_through(database_url: str) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def run() -> None:
        with connected(database_url) as connection:
            start.wait(60)
            try:
                resolve_abandoned(connection, KEY)
                mark_sent(connection, plan_attempt(connection, plan(), allow_any))
                outcomes.append("sent")
            except AttemptInProgress:
                outcomes.append("refused")

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["refused"] * 5 + ["sent"]
    assert value(database_url, "SELECT count(*) FROM submission_attempts") == 1


def test_the_quota_is_checked_where_no_other_attempt_can_come_in_between(database_url: str) -> None:
    for _ in range(4):
        end(database_url, begin(database_url), Ending("accepted"))

    def only_before_the_last(used_here: int) -> None:
        check_tries(Tries(used_here), last_try=False)

    with connected(database_url) as connection, pytest.raises(SubmissionRefused, match="last try"):
        plan_attempt(connection, plan(), only_before_the_last)
    assert value(database_url, "SELECT count(*) FROM submission_attempts") == 4


@pytest.mark.parametrize(("sent", "left_behind"), [(False, ("planned", True)), (True, ("unknown", True))])
def test_an_attempt_whose_process_has_died_is_resolved(
    database_url: str, sent: bool, left_behind: tuple[str, bool]
) -> None:
    begin(database_url, sent=sent)
    with connected(database_url) as connection:
        resolve_abandoned(connection, KEY, alive=lambda _: False)
    assert statuses(database_url) == [left_behind]
    begin(database_url)


def test_an_attempt_on_another_machine_is_left_alone_until_its_time_is_over(database_url: str) -> None:
    begin(database_url, me=ELSEWHERE)
    with connected(database_url) as connection, pytest.raises(AttemptInProgress):
        resolve_abandoned(connection, KEY)
    execute_outside(database_url, "UPDATE submission_attempts SET expires_at = now() - INTERVAL '1 second'")
    with connected(database_url) as connection:
        resolve_abandoned(connection, KEY)
    assert statuses(database_url) == [("unknown", True)]


def test_a_process_that_lives_keeps_its_attempt_also_behind_its_time(database_url: str) -> None:
    begin(database_url)
    execute_outside(database_url, "UPDATE submission_attempts SET expires_at = now() - INTERVAL '1 second'")
    with connected(database_url) as connection, pytest.raises(AttemptInProgress):
        resolve_abandoned(connection, KEY)


def test_a_plan_that_others_have_ended_may_not_be_sent_any_more(database_url: str) -> None:
    attempt_id = begin(database_url, sent=False, me=ELSEWHERE)
    with connected(database_url) as connection:
        resolve_abandoned(connection, KEY, alive=lambda _: False)
        with pytest.raises(AttemptInProgress, match="ended by another process"):
            mark_sent(connection, attempt_id)


def test_a_sender_that_was_given_up_too_early_still_records_how_it_ended(database_url: str) -> None:
    attempt_id = begin(database_url, me=ELSEWHERE)
    with connected(database_url) as connection:
        resolve_abandoned(connection, KEY, alive=lambda _: False)
    end(database_url, attempt_id, Ending("accepted", "accepted with all 3 ids", 200, {"success": True}))
    with connected(database_url) as connection:
        (row,) = read_attempts(connection, KEY)
    assert (row["status"], row["http_status"], row["receipt"]) == ("accepted", 200, {"success": True})
    assert row["is_this_key"]


def test_no_key_and_no_salted_key_of_full_length_is_in_the_table(database_url: str) -> None:
    begin(database_url)
    ((fingerprint,),) = rows(database_url, "SELECT key_fingerprint FROM submission_attempts")
    assert fingerprint == KEY
