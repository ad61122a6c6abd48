"""The windows of a pass, in any order of pages, splits, new beginnings and kills."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.sources.windows import Window, Windows

START, UNTIL = 1_000, 1_100
MOVES = ["page", "page", "page", "last", "last", "split", "anew", "save", "kill"]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), step=st.integers(1, 130), parallel=st.integers(1, 5))
def test_any_interleaving_covers_the_time_once(data: st.DataObject, step: int, parallel: int) -> None:
    windows, saved = Windows.begin(START, UNTIL, 1), None
    under_way = windows.take(step, parallel)
    finished: list[Window] = []
    finished_when_saved: list[Window] = []
    numbers = [window.walk for window in under_way]
    for _ in range(data.draw(st.integers(0, 60))):
        window = data.draw(st.sampled_from(under_way))
        match data.draw(st.sampled_from(MOVES)):
            case "page":
                windows.move(window.walk, f"{window.walk} goes on")
            case "last":
                windows.move(window.walk, None)
                under_way.remove(window)
                finished.append(window)
            case "split" if windows.split(window.walk):
                under_way.remove(window)
            case "anew":
                under_way.remove(window)
                under_way.append(Window(window.begin, window.end, windows.begin_anew(window.walk)))
                numbers.append(under_way[-1].walk)
            case "save":
                saved, finished_when_saved = windows.text(), list(finished)
            case "kill":
                windows = Windows.begin(START, UNTIL, 1) if saved is None else Windows.read(saved)
                under_way, finished, numbers = [], list(finished_when_saved), []
        begun = windows.take(step, parallel)
        under_way += begun
        numbers += [window.walk for window in begun]
        assert len(under_way) <= parallel
        assert len(numbers) == len(set(numbers))
        assert_covered(windows, finished)
        if windows.is_finished:
            break
    while not windows.is_finished:
        for window in under_way:
            windows.move(window.walk, None)
            finished.append(window)
        under_way = windows.take(step, parallel)
    assert windows.floor == UNTIL
    assert_covered(windows, finished)
    assert sum(window.end - window.begin for window in finished) == UNTIL - START


def assert_covered(windows: Windows, finished: list[Window]) -> None:
    """Below the floor all is finished, and nothing is finished twice or left out."""
    state = json.loads(windows.text())
    pieces = [(window.begin, window.end) for window in finished] + [(begin, end) for begin, end, *_ in state["open"]]
    reached = START
    for begin, end in sorted(pieces):
        assert begin == reached
        reached = end
    assert reached == state["next"]
    below = [window for window in finished if window.end <= windows.floor]
    assert START + sum(window.end - window.begin for window in below) == windows.floor


def test_each_window_goes_on_where_its_last_saved_page_was() -> None:
    windows = Windows.begin(0, 30, 1)
    assert windows.take(10, 2) == [Window(0, 10, 1), Window(10, 20, 2)]
    windows.move(2, "second of 2")
    windows.move(1, "second of 1")
    windows.move(2, None)
    assert windows.take(10, 2) == [Window(20, 30, 3)]
    again = Windows.read(windows.text())
    assert again.floor == 0
    assert again.take(10, 2) == [Window(0, 10, 1, "second of 1"), Window(20, 30, 3)]


def test_the_floor_moves_over_an_unbroken_row_of_finished_windows_alone() -> None:
    windows = Windows.begin(0, 30, 1)
    windows.take(10, 3)
    floors = []
    for walk in (2, 3, 1):
        windows.move(walk, None)
        floors.append(windows.floor)
    assert floors == [0, 0, 30]


def test_a_window_of_a_second_is_not_split() -> None:
    windows = Windows.begin(0, 3, 1)
    windows.take(3, 1)
    assert windows.split(1)
    assert windows.take(3, 1) == [Window(0, 1, 2)]
    assert not windows.split(2)


def test_where_no_time_has_passed_the_moment_is_asked_for() -> None:
    windows = Windows.begin(50, 40, 1)
    assert windows.take(10, 4) == [Window(50, 50, 1)]
    assert not windows.split(1)
    windows.move(1, None)
    assert windows.is_finished
    assert windows.floor == 50


@pytest.mark.parametrize("text", ["", "abc", "7", "[]", "{}", '{"open":[[1,2]],"next":1,"until":2,"walk":1}', '{"open":1}'])
def test_what_is_no_state_of_windows_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Windows.read(text)
