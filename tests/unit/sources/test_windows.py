"""The windows of a pass, in any order of pages, splits, new beginnings and kills."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.sources.windows import Window, Windows

START, UNTIL = 1_000, 1_100
MOVES = ["page", "page", "page", "last", "last", "split", "anew", "save", "kill"]


class Pass:
    """One that is asked for by a run after the other, each of which goes on from what was saved."""

    def __init__(self, step: int, parallel: int) -> None:
        self._step, self._parallel = step, parallel
        self.windows = Windows.begin(START, UNTIL, 1)
        self.under_way: list[Window] = []
        self.finished: list[Window] = []
        self._numbers: list[int] = []
        self._saved: tuple[str | None, list[Window]] = (None, [])
        self.take()

    def take(self) -> None:
        begun = self.windows.take(self._step, self._parallel)
        self.under_way += begun
        self._numbers += [window.chain for window in begun]
        assert len(self.under_way) <= self._parallel
        assert len(self._numbers) == len(set(self._numbers))

    def page(self, window: Window) -> None:
        self.windows.move(window.chain, f"{window.chain} goes on")

    def last(self, window: Window) -> None:
        self.windows.move(window.chain, None)
        self.under_way.remove(window)
        self.finished.append(window)

    def split(self, window: Window) -> None:
        if self.windows.split(window.chain):
            self.under_way.remove(window)

    def anew(self, window: Window) -> None:
        self.under_way.remove(window)
        self.under_way.append(Window(window.begin, window.end, self.windows.begin_anew(window.chain)))
        self._numbers.append(self.under_way[-1].chain)

    def save(self, _: Window) -> None:
        self._saved = self.windows.text(), list(self.finished)

    def kill(self, _: Window) -> None:
        text, finished = self._saved
        self.windows = Windows.begin(START, UNTIL, 1) if text is None else Windows.read(text)
        self.under_way, self.finished, self._numbers = [], list(finished), []

    def assert_covered(self) -> None:
        """Below the floor all is finished, and nothing is finished twice or left out."""
        state = json.loads(self.windows.text())
        pieces = [(window.begin, window.end) for window in self.finished]
        reached = START
        for begin, end in sorted(pieces + [(begin, end) for begin, end, *_ in state["open"]]):
            assert begin == reached
            reached = end
        assert reached == state["next"]
        below = [window for window in self.finished if window.end <= self.windows.floor]
        assert START + sum(window.end - window.begin for window in below) == self.windows.floor


@settings(max_examples=4 * settings().max_examples)
@given(data=st.data(), step=st.integers(1, 130), parallel=st.integers(1, 5))
def test_any_interleaving_covers_the_time_once(data: st.DataObject, step: int, parallel: int) -> None:
    walked = Pass(step, parallel)
    for _ in range(data.draw(st.integers(0, 60))):
        if walked.windows.is_finished:
            break
        window = data.draw(st.sampled_from(walked.under_way))
        getattr(walked, data.draw(st.sampled_from(MOVES)))(window)
        walked.take()
        walked.assert_covered()
    while not walked.windows.is_finished:
        walked.last(walked.under_way[0])
        walked.take()
    walked.assert_covered()
    assert walked.windows.floor == UNTIL
    assert sum(window.end - window.begin for window in walked.finished) == UNTIL - START


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
    for chain in (2, 3, 1):
        windows.move(chain, None)
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


@pytest.mark.parametrize(
    "text", ["", "abc", "7", "[]", "{}", '{"open":[[1,2]],"next":1,"until":2,"walk":1}', '{"open":1}']
)
def test_what_is_no_state_of_windows_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it holds no windows"):
        Windows.read(text)
