"""The live view of many syncs, drawn on consoles of several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from datasync_spider.faces.liveview.manypanel import Ahead, manypanel
from datasync_spider.faces.liveview.panel import Warned
from datasync_spider.faces.progress.many import Many, Place
from datasync_spider.storage.due import Late
from datasync_spider.storage.freshness import Freshness, StreamFreshness
from tests.support.progress import commit, running


def drawn(many: Many, ahead: Ahead, now: float, warned: Warned | None = None, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=30, color_system=None, legacy_windows=False)
    console.print(manypanel(many, ahead, warned, now))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def place(number: int) -> Place:
    return Place("shop", "shop.orders", f'{{"tenant":"{number}"}}')


def crowded() -> Many:
    """At second 10: seven that are busy, seven that wait, seven that have failed, seven that are late."""
    many = Many(0.0)
    for number in range(21):
        many.began(place(number))
    for number in range(14):
        state = running()
        commit(state, 9.0, pages=10, inserted=100 * (number + 1))
        many.opened(place(number), state)
        if number < 7:
            state.wait_started("rate_window", 60.0, float(number))
    for number in range(14, 21):
        many.ended(place(number), "failed", "api_refused (\x1b[31mno\n" + "x" * 300, 8.0)
    late = [Late("shop", "shop.orders", f'{{"tenant":"{number}"}}', 60.0, 300.0 + number) for number in range(30, 37)]
    fresh = Freshness({("shop", "shop.orders"): StreamFreshness(9, 7, 336.0)}, tuple(reversed(late)), 32.0)
    many.freshness_known(fresh, 8.0)
    return many


def test_the_busiest_come_first_then_those_in_trouble_then_the_latest_and_each_kind_has_few_lines() -> None:
    lines = drawn(crowded(), Ahead(0, 1_000), 10.0, Warned("attempt 1 failed: status_503", 5.0))
    assert lines[0] == (
        "sync, 1,000 slices kept fresh: 7 syncs done, 14 under way, 9 due, 7 failing, 7 late; next due in 30 s"
    )
    assert lines[1].startswith("1,050 records/s, ")
    assert [line.split()[1] for line in lines[2:7]] == [f'{{"tenant":"{number}"}}' for number in (13, 12, 11, 10, 9)]
    assert "140 records/s; fetching page 1" in lines[2]
    assert all("failed 2 s ago: api_refused (" in line for line in lines[7:12])
    assert lines[12:15] == [
        f'  shop.orders {{"tenant":"{number}"}}  late: due for {338 + number - 36} s, every 1 min 00 s'.replace(
            f"{338 + number - 36} s", f"5 min {38 + number - 36} s"
        )
        for number in (36, 35, 34)
    ]
    assert lines[15] == "last warning, 5 s ago: attempt 1 failed: status_503"
    assert len(lines) == 16


def test_those_that_wait_longest_are_shown_where_few_fail() -> None:
    many = crowded()
    for number in range(15, 21):
        many.ended(place(number), "complete", "", 9.0)
    lines = drawn(many, Ahead(3, 0), 10.0)
    assert lines[0].startswith("sync: 13 done, 14 under way, 3 left, 1 failing")
    assert [line.split()[1] for line in lines[7:12]] == [f'{{"tenant":"{number}"}}' for number in (14, 0, 1, 2, 3)]
    assert "waiting 50 s for the rate window" in lines[8]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_it_fits_any_terminal_and_holds_nothing_that_moves_its_cursor(width: int) -> None:
    lines = drawn(crowded(), Ahead(0, 1_000), 10.0, Warned("y" * 500, 5.0), width)
    # Room for the ^C that a terminal shows, twice.
    assert all(len(line) <= width - 4 for line in lines)
    assert len(lines) == 16
    assert not any("\x1b" in line for line in lines)
