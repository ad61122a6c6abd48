"""For how long the API wants no request, as a run knows it."""

from __future__ import annotations

from datasync_spider.pacing.askedwaits import AskedWaits, Closed


def test_the_latest_of_each_kind_counts_by_what_is_left_of_it() -> None:
    waits = AskedWaits()
    assert waits.left(0.0) == (0.0, 0.0)
    waits.asked(50.0, 10.0, is_binding=True)
    waits.asked(5.0, 20.0, is_binding=True)
    waits.asked(30.0, 20.0, is_binding=False)
    assert waits.left(25.0) == (35.0, 25.0)
    assert waits.left(90.0) == (0.0, 0.0)


def test_what_ends_later_than_what_was_known_is_news_of_either_kind() -> None:
    waits = AskedWaits()
    assert not waits.learned(Closed(), 0.0)
    waits.asked(50.0, 0.0, is_binding=True)
    # The same moment, read back from the database with what the writing took.
    assert not waits.learned(Closed(45.1), 5.0, 0.2)
    assert waits.learned(Closed(60.0), 5.0, 0.2)
    assert not waits.learned(Closed(10.0), 55.0, 0.2)
    assert waits.learned(Closed(10.0, 20.0), 55.0, 0.2)
    assert waits.left(55.0) == (10.0, 20.0)
