"""What is distinguished from a page's times, against what the words mean."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.storage.feedorder import PageTimes
from datasync_spider.storage.prepare import FeedOrder

_TIMES = st.lists(st.none() | st.integers(-2, 3), max_size=6)
_PAGES = _TIMES | _TIMES.map(lambda times: sorted((time for time in times if time is not None), reverse=True))


def times_of(times: list[int | None]) -> PageTimes:
    return PageTimes.of([f"{(7 * place) % 10}" for place in range(len(times))], times)


@given(_PAGES)
def test_watermarks_are_the_greatest_and_the_least_time_and_id(times: list[int | None]) -> None:
    ids = [f"{(7 * place) % 10}" for place in range(len(times))]
    known = [(time, id_) for time, id_ in zip(times, ids, strict=True) if time is not None]
    assert times_of(times).watermarks() == (max(known, default=None), min(known, default=None))


@pytest.mark.parametrize(
    ("times", "newest", "oldest"),
    [
        ([5], (5, "4"), (5, "4")),
        ([5, 3, 1], (5, "4"), (1, "2")),
        ([5, 5, 5], (5, "9"), (5, "2")),
        ([5, 5, 3, 1, 1], (5, "9"), (1, "3")),
        ([5, 3, 3, 3, 1], (5, "4"), (1, "8")),
        ([5, 5, 1, 1, 1], (5, "9"), (1, "2")),
        ([0, 0, 0, -1, -1], (0, "9"), (-1, "3")),
    ],
)
def test_of_a_run_of_one_time_at_an_end_the_ids_decide(
    times: list[int | None], newest: tuple[int, str], oldest: tuple[int, str]
) -> None:
    page = PageTimes.of(["4", "9", "2", "3", "8"][: len(times)], times)
    assert page.never_rise
    assert page.watermarks() == (newest, oldest)


def test_an_end_of_a_page_does_not_begin_anew_behind_another_time() -> None:
    # The two newest are no run, so the page rises.
    page = PageTimes.of(["4", "9", "7"], [5, 3, 5])
    assert page.watermarks() == ((5, "7"), (3, "9"))


@given(st.lists(_PAGES, max_size=4))
def test_a_feed_continues_in_order_where_no_time_rises_and_none_is_unknown(pages: list[list[int | None]]) -> None:
    order = FeedOrder()
    before: int | None = None
    for times in pages:
        known = [time for time in times if time is not None]
        so_far = [*([] if before is None else [before]), *known]
        falls = all(newer >= older for newer, older in pairwise(so_far))
        assert order.continues(1, times_of(times).ends()) == (falls and len(known) == len(times))
        before = known[-1] if known else before


def test_another_chain_begins_an_order_of_its_own() -> None:
    order = FeedOrder()
    assert order.continues(1, times_of([1]).ends())
    assert order.continues(2, times_of([9, 8]).ends())
    assert not order.continues(2, times_of([9]).ends())
