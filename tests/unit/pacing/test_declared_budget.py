"""A declared budget holds in any window, by the API's clock, and is used in full."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from datasync_spider.pacing.budget import RequestBudget


class Clock:
    """One request after the other, each on its way there, being answered, and on its way back."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.budget = RequestBudget(requests, seconds)
        self.now = 1_000.0
        self.arrivals: list[float] = []

    def ask(self, way_seconds: float, answer_seconds: float, *, is_answered: bool = True) -> None:
        self.budget.request_ended(self.now)
        self.now += self.budget.wait_seconds(self.now)
        assert self.budget.wait_seconds(self.now) == 0
        self.budget.request_sent(self.now)
        self.arrivals.append(self.now + way_seconds)
        self.now += way_seconds + answer_seconds
        if is_answered:
            self.budget.request_ended(self.now)


def most_in_any_window(arrivals: list[float], seconds: float) -> int:
    """Of closed windows, each of which may as well begin with an arrival."""
    return max(sum(start <= at <= start + seconds for at in arrivals) for start in arrivals)


@pytest.mark.parametrize(("requests", "seconds"), [(1, 1.0), (5, 1.0), (3, 60.0), (20, 2.5)])
def test_no_window_anywhere_holds_more_by_the_clock_of_the_api(requests: int, seconds: float) -> None:
    chance = random.Random(requests)
    clock = Clock(requests, seconds)
    for _ in range(400):
        # A way of very different lengths brings a late request near to the ones before it.
        clock.ask(chance.choice([0.0, 0.001, 0.9]), chance.random() / 10, is_answered=chance.random() > 0.1)
        if chance.random() < 0.05:
            clock.now += chance.random() * seconds * 2
    assert most_in_any_window(clock.arrivals, seconds) <= requests


def test_a_burst_leaves_at_once_and_the_next_one_after_a_window() -> None:
    clock = Clock(4, 60.0)
    for _ in range(12):
        clock.ask(0.05, 0.05)
    gaps = [round(later - earlier, 2) for earlier, later in pairwise(clock.arrivals)]
    assert gaps == [0.1, 0.1, 0.1, 59.8, 0.1, 0.1, 0.1, 59.8, 0.1, 0.1, 0.1]


def test_a_budget_that_lies_unused_is_no_credit_for_more() -> None:
    clock = Clock(2, 10.0)
    clock.ask(0.0, 0.0)
    clock.now += 1_000
    for _ in range(6):
        clock.ask(0.0, 0.0)
    assert most_in_any_window(clock.arrivals, 10.0) == 2


def test_requests_under_way_at_once_count_each_until_its_answer_begins() -> None:
    budget = RequestBudget(3, 10.0)
    for which in "abc":
        assert budget.wait_seconds(0.0) == 0
        budget.request_sent(0.0, which)
    assert budget.wait_seconds(5.0) > 0
    budget.request_ended(6.0, "b")
    assert budget.wait_seconds(7.0) == pytest.approx(9.001)
    budget.request_ended(8.0, "a")
    budget.request_ended(8.0, "a")
    assert budget.wait_seconds(16.002) == 0
    budget.request_sent(16.002, "d")
    assert budget.wait_seconds(16.002) == pytest.approx(1.999)


@pytest.mark.parametrize(("requests", "seconds"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, float("nan"))])
def test_a_budget_of_nothing_is_refused(requests: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="at least one request"):
        RequestBudget(requests, seconds)
