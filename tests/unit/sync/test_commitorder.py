import threading

import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.sync.turns import CommitOrder, PredecessorFailed
from tests.support.waiting import eventually


def test_the_first_batch_need_not_wait() -> None:
    CommitOrder().wait(1, 0)


def test_batches_commit_in_the_order_of_their_numbers_whatever_the_order_of_the_threads() -> None:
    turns = CommitOrder()
    order: list[int] = []

    def commit(number: int) -> None:
        turns.wait(number, 10)
        order.append(number)
        turns.committed(number)

    threads = [threading.Thread(target=commit, args=(number,)) for number in (5, 3, 4, 2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert order == [1, 2, 3, 4, 5]


def test_a_batch_behind_one_that_failed_is_void() -> None:
    turns = CommitOrder()
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            turns.wait(2, 10)
        except PredecessorFailed as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    turns.fail()
    eventually(lambda: outcome, what="the waiting batch to be reported")
    thread.join(10)


def test_a_batch_that_waits_too_long_gives_way() -> None:
    with pytest.raises(StorageUnavailable, match="gave way"):
        CommitOrder().wait(2, 0.01)


def test_a_batch_whose_turn_has_come_may_commit_even_if_a_later_one_failed() -> None:
    turns = CommitOrder()
    turns.fail()
    turns.wait(1, 0)
