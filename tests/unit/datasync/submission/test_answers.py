"""What the API's answers mean: receipts, refusals, and lists whose form no one has recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.datasync.submission.receipt import read_receipt
from datasync_spider.datasync.submission.remotestatus import read_remote_status

RECEIPT: dict[str, Any] = {
    "success": True,
    "data": {"submissionId": "u", "eventCount": 3, "submissionNumber": 1, "remainingSubmissions": 4},
    "message": "m",
}


def test_a_receipt_with_the_same_count_is_accepted_whole() -> None:
    receipt = read_receipt(200, json.dumps(RECEIPT).encode(), 3)
    assert (receipt.status, receipt.event_count, receipt.left, receipt.differs) == ("accepted", 3, 4, False)
    assert receipt.content == RECEIPT


def test_a_receipt_with_another_count_is_accepted_and_says_so() -> None:
    receipt = read_receipt(201, json.dumps(RECEIPT).encode(), 4)
    assert (receipt.status, receipt.differs) == ("accepted", True)
    assert "counts 3 events and 4 ids were sent" in receipt.detail


def test_a_receipt_without_a_count_says_that_there_is_nothing_to_compare() -> None:
    receipt = read_receipt(200, b'{"success":true}', 4)
    assert (receipt.status, receipt.event_count, receipt.differs) == ("accepted", None, False)
    assert "no eventCount" in receipt.detail


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422, 429])
def test_an_answer_that_says_no_is_a_refusal(status: int) -> None:
    receipt = read_receipt(status, b'{"error":"Forbidden","code":"SUBMISSION_LIMIT_EXCEEDED"}', 3)
    assert receipt.status == "refused"
    assert "SUBMISSION_LIMIT_EXCEEDED" in receipt.detail


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_server_in_trouble_may_have_taken_it(status: int) -> None:
    assert read_receipt(status, b"<html>", 3).status == "unknown"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"success":true', b"<html>", b"\xff", b"[" * 100_000])
def test_a_success_that_cannot_be_read_is_not_called_one(body: bytes) -> None:
    assert read_receipt(200, body, 3).status == "unknown"


def test_a_success_that_denies_itself_is_a_refusal() -> None:
    assert read_receipt(200, b'{"success":false,"message":"no"}', 3).status == "refused"


@pytest.mark.parametrize(
    "members", [{"error": {"code": "UPSTREAM_TIMEOUT"}}, {"errors": ["boom"]}, {"status": 503}, {"success": "false"}]
)
def test_a_success_with_an_error_in_it_may_have_been_taken_and_is_not_called_accepted(members: dict[str, Any]) -> None:
    for rest in ({}, {"data": {"eventCount": 3}}):
        receipt = read_receipt(200, json.dumps({**rest, **members}).encode(), 3)
        assert receipt.status == "unknown"
        assert "the API answered with status 200 and an error" in receipt.detail
    assert read_receipt(200, json.dumps({**RECEIPT, "error": None, "code": "CREATED"}).encode(), 3).status == "accepted"


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_whatever_comes_can_be_stored_as_jsonb_and_shown(body: bytes) -> None:
    receipt = read_receipt(200, body, 3)
    text = json.dumps(receipt.content, allow_nan=False)
    # An escaped backslash may well stand before these letters.
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()


@pytest.mark.parametrize("value", ['"\\u0000"', '"\\ud800"', "NaN", "1e999", "-Infinity"])
def test_what_postgresql_refuses_is_replaced_in_a_receipt(value: str) -> None:
    receipt = read_receipt(200, b'{"success":true,"x":%s}' % value.encode(), 3)
    assert receipt.status == "accepted"
    text = json.dumps(receipt.content, allow_nan=False)
    assert "\\u0000" not in text
    assert "\\ud800" not in text


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ({"success": True, "data": [], "remainingSubmissions": 5}, 5),
        ({"data": [{"submissionNumber": 1, "remainingSubmissions": 4}], "remainingSubmissions": 3}, 3),
        ({"data": {"submissions": [{"submission_number": 2}, {"submission_number": 1}]}}, 3),
        ([{"submissionId": "a"}, {"submissionId": "b"}], 3),
        ({"submissions": [{"submissionId": "a"}], "remaining": 0}, 4),
        ({"data": {"rateLimit": {"remaining": 0}}}, None),
        ({"data": [{"submissionNumber": 9}] * 9}, None),
        ({"data": []}, None),
        ({}, None),
        ("closed", None),
        (None, None),
    ],
)
def test_tries_left_are_read_from_any_form_but_never_guessed_from_a_list_that_is_not_ours(
    content: object, left: int | None
) -> None:
    assert read_remote_status(200, json.dumps(content).encode()).reported_left == left


def test_an_answer_that_is_no_success_says_nothing_but_is_kept() -> None:
    remote_status = read_remote_status(404, b'{"remainingSubmissions":0}')
    assert remote_status.reported_left is None
    assert remote_status.content == {"remainingSubmissions": 0}
    assert read_remote_status(502, b"<html>\xff").content.startswith("<html>")


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_answer_makes_reading_fail(content: object) -> None:
    read_remote_status(200, json.dumps(content).encode())
