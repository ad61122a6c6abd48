import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.faces.dashboard.spreading import LONGEST_GAP_SECONDS, origins, over_waits, over_work

AMOUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=80)


def rates(pages: list[int], amounts: list[int], waited: list[float], width: float = 1.0) -> list[float]:
    return over_work(amounts, [width] * len(amounts), origins(pages, waited, width))


@given(AMOUNTS, st.sampled_from([1.0, 2.0, 10.0, 600.0]), st.floats(0, 100))
def test_spreading_over_work_changes_no_sum(amounts: list[int], width: float, waited: float) -> None:
    pages = [min(amount, 3) for amount in amounts]
    spread = rates(pages, amounts, [waited] * len(amounts), width)
    assert sum(spread) * width == pytest.approx(sum(amounts))


@given(st.lists(st.floats(0, 500), min_size=1, max_size=80), st.floats(0, 9))
def test_spreading_over_waits_changes_no_sum(waited: list[float], fetch_seconds: float) -> None:
    spread = over_waits(waited, [fetch_seconds] * len(waited), 2.0)
    assert sum(spread) == pytest.approx(sum(waited))


def test_batches_of_a_steady_crawl_are_a_line_and_no_saw() -> None:
    assert rates([0, 0, 5, 0, 0, 5], [0, 0, 300, 0, 0, 300], [0.0] * 6) == [100] * 6


def test_a_standstill_is_drawn_as_one() -> None:
    gap = LONGEST_GAP_SECONDS
    spread = rates([1, *[0] * gap, 1], [10, *[0] * gap, 10], [0.0] * (gap + 2))
    assert spread == [10, *[0] * gap, 10]


def test_time_that_was_spent_waiting_is_no_time_of_work() -> None:
    # A burst, a rate window of 17 s, and the first page behind it, 20 s after the commit before.
    spread = rates([1, *[0] * 19, 1], [10, *[0] * 19, 60], [*[0.0] * 20, 17.1])
    assert spread == [10, *[0] * 17, 20, 20, 20]


def test_a_wait_lies_before_the_page_that_it_ended_with() -> None:
    # Committed in the eighth second, fetched in two: the wait filled the four before that.
    assert over_waits([*[0.0] * 7, 4.0], [*[0.0] * 7, 2.0], 1.0) == [0, 0, 1, 1, 1, 1, 0, 0]


def test_a_short_wait_is_no_longer_than_it_was() -> None:
    assert over_waits([0.0, 0.2], [0.0, 0.1], 1.0) == [0, 0.2]


def test_waits_that_follow_each_other_do_not_lie_upon_each_other() -> None:
    assert over_waits([0.0, 0.0, 1.5, 1.0], [0.0] * 4, 1.0) == [0, 0.5, 1, 1]
