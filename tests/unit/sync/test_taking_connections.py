"""Who may take a connection, and who gives one back: with the threads that really wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from datasync_spider.sync.turns import CommitOrder, GaveWay, PredecessorFailed
from tests.support.waiting import eventually

SECONDS = 60


class Waiting:
    """A call in a thread of its own. ``outcome``: None when it returned, else what it raised."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._outcome: list[BaseException | None] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - it is what the test asks for
            self._outcome.append(error)
        else:
            self._outcome.append(None)

    @property
    def is_over(self) -> bool:
        return bool(self._outcome)

    @property
    def outcome(self) -> BaseException | None:
        self._thread.join(SECONDS)
        assert self._outcome, "it still waits"
        return self._outcome[0]


@pytest.fixture
def turns() -> Iterator[CommitOrder]:
    turns = CommitOrder()
    yield turns
    # No one is left waiting where a test has failed.
    turns.fail()


def waits(turns: CommitOrder) -> int:
    """How many threads wait, as the condition itself counts them."""
    return len(turns._changed._waiters)  # type: ignore[attr-defined]


def is_waiting(turns: CommitOrder, call: Callable[[], None]) -> Waiting:
    before = waits(turns)
    waiting = Waiting(call)
    eventually(lambda: waits(turns) > before or waiting.is_over, what="the thread to wait")
    assert not waiting.is_over, "it did not wait"
    return waiting


def test_the_first_batch_takes_a_connection_at_once(turns: CommitOrder) -> None:
    turns.wait_to_connect(1)


def test_a_batch_takes_one_only_when_all_earlier_ones_hold_one(turns: CommitOrder) -> None:
    third = is_waiting(turns, lambda: turns.wait_to_connect(3))
    turns.holds(2)
    eventually(lambda: waits(turns) == 1, what="the thread to wait again")
    assert not third.is_over
    turns.holds(1)
    assert third.outcome is None


def test_batches_take_connections_in_the_order_of_their_numbers_whatever_the_order_of_the_threads(
    turns: CommitOrder,
) -> None:
    order: list[int] = []

    def take(number: int) -> None:
        turns.wait_to_connect(number)
        order.append(number)
        turns.holds(number)

    calls = [Waiting(lambda number=number: take(number)) for number in (5, 3, 4, 2, 1)]  # type: ignore[misc]
    assert [call.outcome for call in calls] == [None] * 5
    assert order == [1, 2, 3, 4, 5]


def test_a_committed_batch_needs_no_connection_any_more(turns: CommitOrder) -> None:
    turns.holds(1)
    third = is_waiting(turns, lambda: turns.wait_to_connect(3))
    turns.lets_go(1)
    turns.committed(1)
    eventually(lambda: waits(turns) == 1, what="the thread to wait again")
    assert not third.is_over
    turns.holds(2)
    assert third.outcome is None


def test_no_later_batch_takes_a_connection_until_one_that_lost_its_own_has_another(turns: CommitOrder) -> None:
    turns.holds(1)
    turns.holds(2)
    turns.lets_go(1)
    third = is_waiting(turns, lambda: turns.wait_to_connect(3))
    turns.holds(1)
    assert third.outcome is None


def test_a_batch_that_only_waits_for_its_turn_gives_way_at_once_to_an_earlier_one_that_gets_no_connection(
    turns: CommitOrder,
) -> None:
    turns.holds(1)
    turns.holds(2)
    second = is_waiting(turns, lambda: turns.wait(2, SECONDS * 10))
    turns.lets_go(1)
    turns.lacks(1)
    assert isinstance(second.outcome, GaveWay)
    assert "cannot get a connection" in str(second.outcome)


def test_one_that_comes_to_wait_later_gives_way_as_well_as_long_as_the_earlier_one_has_none(turns: CommitOrder) -> None:
    turns.holds(1)
    turns.holds(2)
    turns.lets_go(1)
    turns.lacks(1)
    with pytest.raises(GaveWay):
        turns.wait(2, None)
    turns.holds(1)
    with pytest.raises(GaveWay, match=r"did not commit in 0\.01 s"):
        turns.wait(2, 0.01)


def test_a_batch_without_a_connection_has_nothing_to_give_and_waits_on(turns: CommitOrder) -> None:
    turns.lacks(1)
    second = is_waiting(turns, lambda: turns.wait(2, None))
    turns.holds(1)
    turns.committed(1)
    assert second.outcome is None


def test_an_earlier_batch_does_not_give_way_to_a_later_one(turns: CommitOrder) -> None:
    turns.holds(1)
    turns.holds(2)
    second = is_waiting(turns, lambda: turns.wait(2, None))
    turns.lacks(3)
    eventually(lambda: waits(turns) == 1, what="the thread to wait again")
    assert not second.is_over
    turns.committed(1)
    assert second.outcome is None


def test_giving_up_wakes_all_that_wait_for_a_connection_or_for_their_turn(turns: CommitOrder) -> None:
    turns.holds(1)
    turns.holds(2)
    waiting = [
        is_waiting(turns, lambda: turns.wait(2, None)),
        is_waiting(turns, lambda: turns.wait_to_connect(4)),
        is_waiting(turns, lambda: turns.wait_to_connect(5)),
    ]
    turns.fail()
    assert all(isinstance(call.outcome, PredecessorFailed) for call in waiting)


def test_after_a_failure_no_later_batch_takes_a_connection_and_the_one_whose_turn_it_is_still_may(
    turns: CommitOrder,
) -> None:
    turns.holds(1)
    turns.fail()
    turns.wait_to_connect(1)
    with pytest.raises(PredecessorFailed):
        turns.wait_to_connect(2)
