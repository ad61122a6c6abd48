"""The rules before anything is sent: repositories, keys, tries, readiness."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from datasync_spider.datasync.submission.fingerprint import key_fingerprint
from datasync_spider.datasync.submission.quota import QUOTA, Tries, check_tries
from datasync_spider.datasync.submission.readiness import check_ready, objections
from datasync_spider.datasync.submission.refusal import SubmissionRefused
from datasync_spider.datasync.submission.repository import check_repository
from datasync_spider.storage.event_ids import Basis
from tests.support.runs import EVENTS

READY = Basis(
    slice=EVENTS,
    pass_status="complete",
    pass_number=1,
    pass_kind="full",
    expected_total=10,
    completed_at=None,
    is_running=False,
    events=10,
    recorded_events=10,
    rejected_events=0,
    unlistable=None,
)


@pytest.mark.parametrize("url", ["https://github.com/owner/name", "https://github.com/o-w/na.me_1-x/"])
def test_a_repository_is_given_without_a_slash_at_its_end(url: str) -> None:
    assert check_repository(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "owner/name",
        "http://github.com/owner/name",
        "https://github.com/owner",
        "https://github.com/owner/name/tree/main",
        "https://github.com/owner/name?x=1",
        "https://github.com/owner/..",
        "https://github.com.evil.example/owner/name",
        "https://user:secret@github.com/owner/name",
        "https://github.com/owner/name\n",
    ],
)
def test_what_the_api_would_refuse_for_its_repository_never_costs_a_try(url: str) -> None:
    with pytest.raises(SubmissionRefused):
        check_repository(url)


def test_keys_are_distinguished_without_being_kept() -> None:
    one, other = key_fingerprint("key-1", "https://a.example"), key_fingerprint("key-2", "https://a.example")
    assert one != other
    assert "key-1" not in one
    assert len(one) == 16


def test_one_key_is_one_key_at_whichever_address_it_is_used() -> None:
    assert key_fingerprint("key-1", "https://a.example/api/v1") == key_fingerprint("key-1", "http://b.example")


def test_without_a_key_the_origin_stands_for_it() -> None:
    one = key_fingerprint(None, "http://127.0.0.1:1/api/v1")
    assert one == key_fingerprint(None, "http://127.0.0.1:1/other")
    assert one != key_fingerprint(None, "http://127.0.0.1:2/api/v1")


@pytest.mark.parametrize(
    ("used_here", "reported_left", "left"),
    [(0, None, 5), (0, 5, 5), (2, 5, 3), (2, 1, 1), (0, 0, 0), (5, 5, 0), (7, None, 0), (0, -1, 0), (0, 99, 5)],
)
def test_the_lower_of_both_counts_is_what_is_left(used_here: int, reported_left: int | None, left: int) -> None:
    tries = Tries(used_here, reported_left)
    assert tries.left == left
    assert tries.used == QUOTA - left


def test_the_last_try_must_be_asked_for_and_behind_it_there_is_none() -> None:
    check_tries(Tries(3), last_try=False)
    with pytest.raises(SubmissionRefused, match="--last-try"):
        check_tries(Tries(4), last_try=False)
    check_tries(Tries(4), last_try=True)
    with pytest.raises(SubmissionRefused, match="no try is left"):
        check_tries(Tries(5), last_try=True)


def test_a_complete_stream_is_ready() -> None:
    assert check_ready(READY, anyway=False) == []


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        (replace(READY, pass_status=None), "no pass through the feed was ever begun"),
        (replace(READY, pass_status="new"), "no pass through the feed was ever begun"),
        (replace(READY, pass_status="open", pass_number=3, pass_kind="incremental"), "pass 3 (incremental)"),
        (replace(READY, pass_status="short", expected_total=12), "only 10 of 12 events"),
        (replace(READY, is_running=True), "being run at this moment"),
        (replace(READY, events=11), "the table holds 11 events, the totals say 10"),
    ],
)
def test_what_speaks_against_submitting_is_said_and_can_be_overruled(basis: Basis, words: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        check_ready(basis, anyway=False)
    assert words in str(refused.value)
    assert "--anyway" in str(refused.value)
    assert check_ready(basis, anyway=True) == objections(basis)


@pytest.mark.parametrize("event_id", ["two\nlines", "two\rlines", "  "])
def test_an_id_that_cannot_be_a_line_cannot_be_overruled_and_is_named_safely(event_id: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        check_ready(replace(READY, unlistable=event_id), anyway=True)
    assert event_id.encode("unicode_escape").decode() in str(refused.value)
    assert str(refused.value).isprintable()


def test_nothing_stored_is_nothing_to_submit() -> None:
    with pytest.raises(SubmissionRefused, match="no event is stored"):
        check_ready(replace(READY, events=0, recorded_events=0), anyway=True)
