"""The live view's picture, drawn on consoles of several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from datasync_spider.faces.liveview.panel import Warned, panel
from datasync_spider.faces.progress.state import ProgressState
from tests.support.progress import commit, running


def drawn(state: ProgressState, now: float, warned: Warned | None = None, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=20, color_system=None, legacy_windows=False)
    console.print(panel(state, warned, now))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def busy() -> ProgressState:
    state = running(stored=1_000_000, expected_total=3_000_000)
    commit(state, 10.0, pages=100, inserted=499_000, duplicates=1_000, stored=1_499_000)
    state.page_fetched(1_000, 116.0, 10.0)
    state.wait_started("rate_window", 30.0, 10.0)
    return state


def test_it_shows_everything_that_a_person_wants_to_know() -> None:
    lines = drawn(busy(), 17.0, Warned("attempt 1 failed: status_503", 5.0))
    assert len(lines) == 5
    assert lines[0].startswith("events ━")
    assert lines[0].endswith("49 % 1,499,000 of 3,000,000")
    assert lines[1] == "50,000 events/s now, 29,412 on average, 17 s so far, 51 s left"
    assert lines[2] == "100 pages, 499,000 inserted, 1,000 duplicates, 0 rejected, 0 retries"
    assert lines[3] == "waiting 23 s for the rate window; the cursor lives 1 min 49 s more"
    assert lines[4] == "last warning, 12 s ago: attempt 1 failed: status_503"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_fits_any_terminal(width: int) -> None:
    lines = drawn(busy(), 17.0, Warned("x" * 500, 5.0), width)
    # Room for the ^C that a terminal shows, twice.
    assert all(len(line) <= width - 4 for line in lines)
    assert any("1,499,000" in line for line in lines)
    assert len(lines) <= 9


def test_the_bar_has_no_colour_of_trouble() -> None:
    console = Console(file=io.StringIO(), width=100, color_system="truecolor", force_terminal=True)
    bar = next(segment for segment in console.render(panel(busy(), None, 17.0)) if "━" in segment.text)
    assert bar.style is not None
    assert bar.style.color is not None
    assert bar.style.color.name == "blue"


def test_one_of_a_kind_is_called_by_its_singular() -> None:
    state = running(expected_total=10)
    commit(state, 1.0, pages=1, inserted=4, duplicates=1, stored=4)
    state.request_retrying("status_503")
    assert drawn(state, 1.0)[2] == "1 page, 4 inserted, 1 duplicate, 0 rejected, 1 retry"


def test_a_hundred_per_cent_is_only_said_of_everything() -> None:
    state = running(expected_total=1_000)
    commit(state, 1.0, inserted=999, stored=999)
    assert "99 %" in drawn(state, 1.0)[0]
    commit(state, 2.0, inserted=1, stored=1_000)
    assert "100 %" in drawn(state, 2.0)[0]
    commit(state, 3.0, inserted=3, stored=1_003)
    assert "100 %" in drawn(state, 3.0)[0]


def test_without_a_total_there_is_no_percentage() -> None:
    lines = drawn(running(stored=12), 1.0)
    assert "%" not in lines[0]
    assert lines[0].endswith(" 12")


def test_a_warning_is_shown_as_plain_text_whatever_it_holds() -> None:
    [*_, last] = drawn(running(), 1.0, Warned("\x1b[2J\x1b]0;title\x07 [bold]not markup[/bold]\r\n", 0.0))
    assert last == "last warning, 1 s ago:  [2J ]0;title  [bold]not markup[/bold]"


def test_an_expired_cursor_is_reported() -> None:
    state = running()
    state.page_fetched(1_000, 10.0, 0.0)
    assert drawn(state, 11.0)[-1].endswith("the cursor has expired")
