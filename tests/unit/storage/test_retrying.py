from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from datasync_spider.errors import Stopped, StorageRefused, StorageUnavailable
from datasync_spider.storage.retrying import AT_START, RetryPolicy, once_more, patiently
from tests.support.waiting import eventually

LONG = RetryPolicy(budget_seconds=3600, first_pause_seconds=600, longest_pause_seconds=600)


class Pauses(threading.Event):
    """A stop event that takes no time to wait for. ``stops_in``: the pause, from 1, in which the request comes."""

    def __init__(self, stops_in: int | None = None) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._stops_in = stops_in

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        if len(self.seconds) == self._stops_in:
            self.set()
        return self.is_set()


class Work:
    """Fails with each of these errors in turn, then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self.attempts = 0
        self._errors = list(errors)

    def __call__(self) -> str:
        self.attempts += 1
        if self._errors:
            raise self._errors.pop(0)
        return "done"


def unavailable(times: int) -> list[BaseException]:
    return [StorageUnavailable(f"attempt {number}") for number in range(1, times + 1)]


def test_work_that_succeeds_is_done_once_and_without_a_pause() -> None:
    pauses, work = Pauses(), Work()
    assert patiently(work, stopped=pauses) == "done"
    assert (work.attempts, pauses.seconds) == (1, [])


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    pauses, work = Pauses(), Work(*unavailable(6))
    assert patiently(work, stopped=pauses) == "done"
    assert pauses.seconds == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_each_further_attempt_is_announced_with_why(caplog: pytest.LogCaptureFixture) -> None:
    patiently(Work(*unavailable(2)), stopped=Pauses())
    assert caplog.messages == [
        "the database is not available, trying again: attempt 1",
        "the database is not available, trying again: attempt 2",
    ]


def test_no_pause_begins_that_the_budget_does_not_cover_and_the_last_error_comes_as_it_is() -> None:
    errors = unavailable(9)
    pauses, work = Pauses(), Work(*errors)
    with pytest.raises(StorageUnavailable) as raised:
        patiently(work, RetryPolicy(1.0, 0.25, 2.0), pauses)
    assert raised.value is errors[2]
    assert pauses.seconds == [0.25, 0.5]


def test_without_a_budget_nothing_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(*unavailable(1))
    with pytest.raises(StorageUnavailable):
        patiently(work, RetryPolicy(0.0, 0.25, 2.0), Pauses())
    assert (work.attempts, caplog.messages) == (1, [])


@pytest.mark.parametrize("error", [StorageRefused("a wrong URL"), Stopped("SIGTERM"), ValueError("a bug")])
def test_what_time_does_not_mend_is_not_tried_again(error: BaseException) -> None:
    work = Work(*unavailable(1), error, *unavailable(1))
    with pytest.raises(type(error)) as raised:
        patiently(work, stopped=Pauses())
    assert raised.value is error
    assert work.attempts == 2


def test_a_stop_before_the_pause_ends_it_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    stopped, work = threading.Event(), Work(*unavailable(1))
    stopped.set()
    with pytest.raises(StorageUnavailable, match="attempt 1"):
        patiently(work, LONG, stopped)
    assert caplog.messages == []


def test_a_stop_in_a_pause_ends_it_without_another_attempt() -> None:
    pauses, work = Pauses(stops_in=2), Work(*unavailable(3))
    with pytest.raises(StorageUnavailable, match="attempt 2"):
        patiently(work, stopped=pauses)
    assert work.attempts == 2


def test_a_stop_from_another_thread_cuts_a_pause_of_ten_minutes_short() -> None:
    stopped, work = threading.Event(), Work(*unavailable(2))
    raised: list[StorageUnavailable] = []

    def wait() -> None:
        try:
            patiently(work, LONG, stopped)
        except StorageUnavailable as error:
            raised.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    eventually(lambda: work.attempts == 1, what="the first attempt")
    stopped.set()
    thread.join(60)
    assert [str(error) for error in raised] == ["attempt 1"]


def test_an_error_out_of_a_signal_handler_ends_a_pause() -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise Stopped("SIGINT")

    with pytest.raises(Stopped):
        patiently(Work(*unavailable(1)), LONG, Interrupted())


def test_a_start_is_waited_for_no_longer_than_a_wrong_address_may_take() -> None:
    assert AT_START.budget_seconds <= 20


@pytest.mark.parametrize(("failures", "attempts"), [(0, 1), (1, 2)])
def test_once_more_is_once_more(failures: int, attempts: int) -> None:
    work = Work(*unavailable(failures))
    assert once_more(work) == "done"
    assert work.attempts == attempts


@pytest.mark.parametrize(
    ("errors", "is_worth_it", "attempts"),
    [
        (unavailable(3), lambda _: True, 2),
        (unavailable(1), lambda _: False, 1),
        ([StorageRefused("no")], lambda _: True, 1),
    ],
)
def test_once_more_raises_the_last_error(
    errors: list[BaseException], is_worth_it: Callable[[StorageUnavailable], bool], attempts: int
) -> None:
    work = Work(*errors)
    with pytest.raises((StorageUnavailable, StorageRefused)) as raised:
        once_more(work, is_worth_it)
    assert raised.value is errors[attempts - 1]
    assert work.attempts == attempts
