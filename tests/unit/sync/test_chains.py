"""Windows of time as chains of pages: numbers, positions and ends, in whatever order pages come."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import WindowTooLarge
from datasync_spider.items import EventPage
from datasync_spider.sources.spec import Incremental
from datasync_spider.storage.runs import ResumePoint
from datasync_spider.sync.chain import Chain, OneChain, WindowChains
from tests.support.chains import step
from tests.support.pages import page as made_page
from tests.unit.sync.test_chain_positions import page as api_page
from tests.unit.sync.test_chain_positions import resume

NEW = replace(resume(None), chain=1)
WINDOWS = Incremental(type="window", start="1970-01-01", step_seconds=10.0, parallel=2)


def chains(resume: ResumePoint = NEW, now: float = 30.0, **more: Any) -> WindowChains:
    return WindowChains(resume, replace(WINDOWS, **more), now)


def page(chain: Chain, following: str | None) -> EventPage:
    """As the spider makes it of an answer."""
    met = step(chain, api_page(following, f"{chain.number}{following}"), chain.first_cursor(), None)
    made = dataclasses.replace(made_page(met.number, ["a"], chain=met.chain, expected_total=7), next_cursor=following)
    return dataclasses.replace(made, ends_pass=None if following else "last_page")


def take_in(held: WindowChains, chain: Chain, following: str | None) -> tuple[EventPage, list[Chain]]:
    made = page(chain, following)
    begun = held.take_in(chain, made, None)
    return made, begun


def asked(chains: list[Chain]) -> list[Any]:
    return [chain.bounds_ms for chain in chains]


def test_pages_of_all_windows_are_numbered_as_they_come_and_the_last_of_all_ends_the_pass() -> None:
    held = chains()
    first, second = held.begin()
    assert asked([first, second]) == [(0, 10_000), (10_000, 20_000)]
    pages, begun = [], [first]
    for chain, following in ((second, "s"), (first, "f"), (second, None)):
        made, begun = take_in(held, chain, following)
        pages.append(made)
    (third,) = begun
    assert asked([third]) == [(20_000, 30_000)]
    pages += [take_in(held, first, None)[0], take_in(held, third, None)[0]]
    assert [made.number for made in pages] == [1, 2, 3, 4, 5]
    assert [made.ends_pass for made in pages] == [None, None, None, None, "last_page"]
    assert [made.expected_total for made in pages] == [None] * 5
    assert [json.loads(str(made.position))["floor"] for made in pages[:4]] == [0, 0, 0, 20]
    # Where the end is refused its verdict, the last page is asked for again.
    assert pages[4].position == pages[3].position
    assert json.loads(str(pages[4].bookmark)) == {"floor": 30, "next": 30, "open": [], "until": 30, "walk": 3}


def test_a_run_goes_on_in_each_window_and_a_pass_begins_at_the_floor() -> None:
    held = chains()
    _, second = held.begin()
    made, _ = take_in(held, second, "s")
    again = chains(replace(NEW, cursor=made.position, begins_pass=False), now=99.0).begin()
    assert [(chain.number, chain.first_cursor()) for chain in again] == [(1, None), (2, "s")]
    floor = '{"floor":30,"next":30,"open":[],"until":30,"walk":3}'
    assert asked(chains(replace(NEW, bookmark=floor), now=35.0).begin()) == [(30_000, 35_000)]
    assert asked(chains(replace(NEW, bookmark=floor), now=35.0, overlap_seconds=5.0).begin()) == [(25_000, 35_000)]
    assert asked(chains(replace(NEW, bookmark=floor), now=30.0).begin()) == [(30_000, 30_000)]


def test_lag_and_exclusive_bounds_are_kept() -> None:
    assert asked(chains(now=25.5, lag_seconds=10.0).begin()) == [(0, 10_000), (10_000, 15_000)]
    assert asked(chains(inclusive=False).begin()) == [(-1_000, 10_000), (9_000, 20_000)]
    assert asked(chains(inclusive=False, format="%Y-%m-%d").begin())[0] == (-86_400_000, 10_000)


def test_a_window_that_is_too_large_is_asked_for_in_halves_and_a_second_is_not() -> None:
    held = chains(parallel=1)
    (chain,) = held.begin()
    too_large = WindowTooLarge("too large")
    for end in (5_000, 2_000, 1_000):
        (chain,) = held.split(chain, too_large)
        assert chain.bounds_ms == (0, end)
    with pytest.raises(WindowTooLarge):
        held.split(chain, too_large)
    with pytest.raises(WindowTooLarge):
        OneChain(NEW).split(chain, too_large)


def test_a_window_whose_cursor_is_lost_begins_anew_under_a_number_of_its_own() -> None:
    held = chains()
    first, second = held.begin()
    step(first, api_page("f", "a"), None, None)
    first.restart(1)
    assert (first.number, second.number, first.head) == (3, 2, None)
    made, _ = take_in(held, first, "g")
    assert [one[2:] for one in json.loads(str(made.position))["open"]] == [[3, "g"], [2, None]]


@pytest.mark.parametrize("text", ["c7", "12", "{}"])
def test_what_was_stored_by_another_way_begins_at_the_start(text: str) -> None:
    stored = replace(NEW, cursor=text, begins_pass=False)
    assert asked(chains(stored).begin()) == [(0, 10_000), (10_000, 20_000)]
    assert chains(stored).begin()[0].number == 2
    assert asked(chains(replace(NEW, bookmark=text)).begin())[0] == (0, 10_000)
