"""Slices whose turn did not come are never passed over: the whole is not complete, whatever the others are."""

from __future__ import annotations

from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.ends import not_begun
from datasync_spider.observe import exitcodes
from datasync_spider.observe.exitcodes import worst

LEFT = "events"
WHOLE = End(exitcodes.COMPLETE, ["ingestion complete"])


def test_after_a_signal_between_two_slices_the_whole_was_stopped() -> None:
    (end,) = not_begun([LEFT, LEFT], [WHOLE, WHOLE], "SIGTERM")
    assert worst(one.code for one in (WHOLE, WHOLE, end)) == exitcodes.STOPPED
    assert "SIGTERM" in end.lines[0]


def test_a_slice_that_was_stopped_is_where_the_signal_is_said() -> None:
    assert not_begun([LEFT], [WHOLE, End(exitcodes.STOPPED, ["ingestion stopped"])], "SIGTERM") == []


def test_without_a_signal_the_whole_has_failed_and_they_are_named() -> None:
    (end,) = not_begun([LEFT], [WHOLE], None)
    assert end.code == exitcodes.FAILED
    assert "events" in end.lines[0]


def test_where_each_had_its_turn_there_is_nothing_to_add() -> None:
    assert not_begun([], [WHOLE], None) == not_begun([], [WHOLE], "SIGTERM") == []


def test_of_several_ends_the_worst_counts() -> None:
    from_good_to_bad = [0, 6, 4, 5, 3, 2, 1]
    for place, code in enumerate(from_good_to_bad):
        assert worst(from_good_to_bad[: place + 1]) == code
