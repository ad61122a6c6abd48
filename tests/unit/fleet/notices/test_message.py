"""What is posted: the same words and the same id whenever it is sent, signed as a receiver's library expects."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from datasync_spider.fleet.notices.message import body_of, headers_of, pause_after, signature
from datasync_spider.storage.notices import MOST_ATTEMPTS, Notice

NOTICE = Notice(
    "9f0e7a1e-0000-4000-8000-000000000001",
    "failed",
    "shop",
    "shop.orders",
    '{"tenant":"a"}',
    {"run_id": 7, "status": "failed", "reason": "api_refused", "failures": 1, "every_seconds": 300.0},
    datetime(2026, 11, 30, 9, 30, tzinfo=UTC),
    1,
)


def test_a_message_says_what_has_become_of_which_slice() -> None:
    assert json.loads(body_of(NOTICE)) == {
        "id": "9f0e7a1e-0000-4000-8000-000000000001",
        "type": "stream.failed",
        "timestamp": "2026-11-30T09:30:00+00:00",
        "source": "shop",
        "stream": "shop.orders",
        "slice": '{"tenant":"a"}',
        "run_id": 7,
        "status": "failed",
        "reason": "api_refused",
        "failures": 1,
        "every_seconds": 300.0,
    }


def test_the_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    # From the specification's libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert (
        signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_without_a_secret_a_message_says_who_sends_it_and_is_not_signed() -> None:
    headers = dict(headers_of(NOTICE, b"{}", None, 1_764_493_200.9, "datasync-ingestion/9"))
    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": "datasync-ingestion/9",
        "webhook-id": NOTICE.notice_id,
        "webhook-timestamp": "1764493200",
    }


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 10), (2, 20), (5, 160), (9, 1_800), (10_000, 1_800)])
def test_pauses_double_to_half_an_hour(attempts: int, seconds: float) -> None:
    assert pause_after(min(attempts, 1_000)) == seconds


def test_all_attempts_take_more_than_an_hour_and_less_than_two() -> None:
    assert 3_600 < sum(map(pause_after, range(1, MOST_ATTEMPTS))) < 7_200
