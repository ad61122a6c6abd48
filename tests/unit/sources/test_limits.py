"""A time limit and retries: the stream's word holds before its source's, and that before the setting's."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import RetriesExhausted, ServerTrouble
from datasync_spider.pacing.retry import GiveUp, RetryPolicy, RetryState
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.limits import Limit, every_of, retries_of, timeout_of
from tests.support.sourcetexts import changed, plain, read

SETTING = Limit(30.0, "API_TIMEOUT_MS")


@pytest.mark.parametrize(
    ("of_source", "of_stream", "value", "key"),
    [
        (None, None, 30.0, "API_TIMEOUT_MS"),
        ("2m", None, 120.0, "timeout in [source]"),
        ("2m", "5s", 5.0, "timeout in [streams.issues]"),
        (None, "5s", 5.0, "timeout in [streams.issues]"),
    ],
)
def test_the_nearest_place_says_how_long(of_source: Any, of_stream: Any, value: float, key: str) -> None:
    values = plain()
    values = values if of_source is None else changed(values, "source.timeout", of_source)
    source = read(values if of_stream is None else changed(values, "streams.issues.timeout", of_stream))

    assert timeout_of(source, source.streams["issues"], SETTING)[:2] == (value, key)


def test_no_retry_is_one_of_the_values() -> None:
    source = read(changed(changed(plain(), "source.retries", 7), "streams.issues.retries", 0))

    assert retries_of(source, source.streams["issues"], Limit(30, "API_MAX_RETRIES"))[0] == 0


def test_who_gives_up_says_which_key_of_a_file_holds_and_names_no_setting_in_its_place() -> None:
    def words(key: str) -> str:
        policy = RetryPolicy(0, 1.0, 1.0, 60.0, retries_key=key)
        decision = policy.decide(RetryState(), ServerTrouble("status_503"), 0.0, 0.5)
        assert isinstance(decision, GiveUp)
        assert isinstance(decision.error, RetriesExhausted)
        return str(decision.error)

    last = "the last failure was status_503"
    assert words("retries in [source]") == f"gave up after 1 failed attempts (retries in [source]); {last}"
    assert words("") == f"gave up after 1 failed attempts; {last}"


@pytest.mark.parametrize(
    ("of_source", "of_stream", "seconds"), [(None, None, None), ("1h", None, 3_600), ("1h", 90, 90), (None, "5m", 300)]
)
def test_how_often_a_slice_is_synced_is_said_in_seconds_or_with_a_unit(
    of_source: Any, of_stream: Any, seconds: float | None
) -> None:
    values = plain() if of_source is None else changed(plain(), "source.every", of_source)
    source = read(values if of_stream is None else changed(values, "streams.issues.every", of_stream))

    assert every_of(source, source.streams["issues"]) == seconds
    assert every_of(checked(source, "here"), source.streams["issues"]) == seconds
