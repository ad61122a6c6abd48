"""What many syncs come to together, and what is remembered of each."""

from __future__ import annotations

from datasync_spider.faces.progress.many import Many, Place
from datasync_spider.faces.progress.state import ProgressState
from tests.support.progress import WALL, commit, running

STREAM = ("shop", "shop.orders")


def place(name: str) -> Place:
    return Place(*STREAM, name)


def with_records(count: int, newest: float | None = None) -> ProgressState:
    state = running()
    state.request_sent(0.5)
    commit(state, 1.0, inserted=count, newest_event_at=newest)
    return state


def test_what_is_under_way_and_what_has_ended_are_counted_once_each() -> None:
    many = Many(0.0)
    for name, count in (("a", 10), ("b", 5)):
        many.began(place(name))
        many.opened(place(name), with_records(count))
    many.ended(place("a"), "complete", "", 2.0)
    sums = many.sums(3.0)[STREAM]
    assert (sums.counts.inserted, sums.requests) == (15, 2)
    assert many.streams[STREAM].under_way == 1
    many.ended(place("b"), "failed", "api_refused", 4.0)
    assert many.sums(5.0)[STREAM].counts.inserted == many.whole(5.0).counts.inserted == 15
    assert many.ends == {"complete": 1, "failed": 1}
    assert not many.under_way


def test_one_fails_until_it_is_complete_and_a_stop_says_nothing_of_it() -> None:
    many = Many(0.0)
    for at, status in ((1.0, "failed"), (2.0, "incomplete"), (3.0, "stopped"), (4.0, "lease held")):
        many.began(place("a"))
        many.ended(place("a"), status, "why", at)
    assert (many.failing[place("a")].times, many.failing[place("a")].at) == (2, 2.0)
    many.ended(place("a"), "complete", "", 5.0)
    assert not many.failing


def test_a_stream_is_as_new_as_the_slice_that_is_farthest_behind() -> None:
    many = Many(0.0)
    for name, newest in (("a", WALL - 60.0), ("b", WALL - 3_600.0)):
        many.began(place(name))
        many.opened(place(name), with_records(1, newest))
    assert many.newest() == {STREAM: WALL - 3_600.0}
    many.ended(place("b"), "complete", "", 2.0)
    assert many.newest() == {STREAM: WALL - 3_600.0}
    many.began(place("b"))
    many.opened(place("b"), with_records(1, WALL))
    assert many.newest() == {STREAM: WALL - 60.0}


def test_the_rate_counts_what_began_and_ended_between_two_looks() -> None:
    many = Many(0.0)
    assert many.rates(many.whole(5.0), 5.0) == (0.0, 0.0)
    many.began(place("a"))
    many.opened(place("a"), with_records(100))
    many.ended(place("a"), "complete", "", 6.0)
    records, _ = many.rates(many.whole(10.0), 10.0)
    assert records == 10.0
