"""For how long the API wants no request, as a run knows it at its end."""

from __future__ import annotations

from datasync_spider.pipelines.askedwaits import AskedWaits


def test_the_latest_of_each_kind_counts_by_what_is_left_of_it() -> None:
    waits = AskedWaits()
    assert waits.left(0.0) == (0.0, 0.0)
    waits.asked(50.0, 10.0, is_binding=True)
    waits.asked(5.0, 20.0, is_binding=True)
    waits.asked(30.0, 20.0, is_binding=False)
    assert waits.left(25.0) == (35.0, 25.0)
    assert waits.left(90.0) == (0.0, 0.0)
