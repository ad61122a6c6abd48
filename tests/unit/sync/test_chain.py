from datetime import UTC, datetime

import msgspec
import pytest

from datasync_spider.errors import CursorRepeated
from datasync_spider.records.page import Page
from datasync_spider.storage.runs import ResumePoint
from datasync_spider.sync.chain import Chain, NoProgress
from tests.support.chains import step
from tests.support.sources import READER


def resume(cursor: str | None = None, trail: tuple[str, ...] = (), chain: int = 1) -> ResumePoint:
    return ResumePoint(
        cursor=cursor,
        pass_number=1,
        pass_kind="full",
        known_before=datetime(2026, 1, 1, tzinfo=UTC),
        chain=chain,
        trail=trail,
        newest_ms=None,
        total_ingested=0,
        expected_total=None,
        begins_pass=cursor is None,
    )


def page(next_cursor: str | None, total: int | None = 10, *, seconds: int = 1_700_000_000) -> Page:
    raw = msgspec.Raw(b'{"id":"a","timestamp":%d}' % (seconds * 1000))
    return Page([raw], READER, next_cursor, next_cursor is not None, total)


def test_pages_are_numbered_without_a_gap_across_chains() -> None:
    chain = Chain(resume())
    numbers = [step(chain, page("A"), None, None).number]
    chain.restart(5)
    numbers += [step(chain, page("B"), None, None).number, step(chain, page(None), "B", None).number]
    assert numbers == [1, 2, 3]


def test_a_cursor_that_does_not_advance_is_a_circle() -> None:
    chain = Chain(resume())
    step(chain, page("A"), None, None)
    with pytest.raises(CursorRepeated):
        step(chain, page("A"), "A", None)


def test_a_circle_of_two_is_noticed_too() -> None:
    chain = Chain(resume())
    step(chain, page("A"), None, None)
    step(chain, page("B"), "A", None)
    with pytest.raises(CursorRepeated):
        step(chain, page("A"), "B", None)


def test_the_guard_holds_across_runs() -> None:
    chain = Chain(resume("C", ("A", "B")))
    assert chain.first_cursor() == "C"
    with pytest.raises(CursorRepeated):
        step(chain, page("A"), "C", None)


def test_a_stored_position_that_the_chain_has_been_at_is_asked_once_more() -> None:
    chain = Chain(resume("A", ("A", "B")))
    assert chain.first_cursor() == "A"
    with pytest.raises(CursorRepeated):
        step(chain, page("A"), "A", None)


def test_a_new_chain_may_meet_the_cursors_of_the_last_one() -> None:
    chain = Chain(resume("B", ("A",)))
    chain.first_cursor()
    chain.restart(1)
    assert step(chain, page("A"), None, None).chain == 2


def test_only_the_head_speaks_for_the_whole_feed() -> None:
    chain = Chain(resume())
    assert step(chain, page("A", total=99), None, None).expected_total == 99
    assert step(chain, page("B", total=99), "A", None).expected_total is None


def test_a_filter_that_is_honoured_shows_in_the_answer_and_one_that_is_ignored_has_served_the_head() -> None:
    chain = Chain(resume())
    assert step(chain, page("A", total=7, seconds=1_600_000_000), None, 1_650_000_000_000).expected_total is None
    chain.restart(1)
    assert step(chain, page("B", total=7, seconds=1_700_000_000), None, 1_650_000_000_000).expected_total == 7


def test_a_filter_is_tried_only_where_its_effect_could_be_seen() -> None:
    chain = Chain(resume())
    assert chain.until_ms(1000, 5000) == 1001
    assert chain.until_ms(None, 5000) is None
    assert chain.until_ms(1000, None) is None
    assert chain.until_ms(1000, 1001) is None


@pytest.mark.parametrize("oldest_ms", [-62_135_596_800_000, -1, 0, 253_402_300_799_998])
def test_a_time_that_a_source_writes_for_one_that_it_does_not_know_is_no_place_to_go_on_from(oldest_ms: int) -> None:
    assert Chain(resume()).until_ms(oldest_ms, 253_402_300_799_999) is None


def test_a_filter_that_leaves_a_gap_is_not_used_and_not_tried_again() -> None:
    chain = Chain(resume())
    until_ms = chain.until_ms(1_650_000_000_000, 1_700_000_000_000)
    assert until_ms == 1_650_000_000_001
    assert not chain.leaves_a_gap(page("A", seconds=1_650_000_000), until_ms)
    assert not chain.leaves_a_gap(page("A", seconds=1_700_000_000), until_ms)
    assert not chain.leaves_a_gap(page("A", seconds=1_600_000_000), None)
    assert chain.until_ms(1_650_000_000_000, 1_700_000_000_000) == until_ms
    assert chain.leaves_a_gap(page("A", seconds=1_649_999_999), until_ms)
    assert chain.until_ms(1_650_000_000_000, 1_700_000_000_000) is None


def test_restarts_that_bring_nothing_new_end_the_run() -> None:
    chain = Chain(resume())
    for _ in range(3):
        chain.restart(10)
    with pytest.raises(NoProgress, match="4 times"):
        chain.restart(10)


def test_restarts_may_go_on_as_long_as_each_brings_something() -> None:
    chain = Chain(resume())
    for accounted in range(50):
        chain.restart(accounted)


def test_a_restart_of_which_nothing_is_known_is_not_held_against_the_run() -> None:
    chain = Chain(resume())
    for _ in range(50):
        chain.restart(None)
