import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pipelines.buffer import PageBuffer
from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.batch import PreparedPage
from datasync_spider.storage.prepare import Preparer
from tests.support.pages import page


def prepared(number: int, rows: int, ends_pass: str | None = None) -> PreparedPage:
    return Preparer().prepare(page(number, [f"{number}-{row}" for row in range(rows)], ends_pass=ends_pass))


def test_a_batch_is_due_when_it_is_full() -> None:
    buffer = PageBuffer(10)
    buffer.add(prepared(1, 9))
    assert not buffer.is_due()
    buffer.add(prepared(2, 1))
    assert buffer.is_due()


def test_the_end_of_the_pass_is_due_at_once() -> None:
    buffer = PageBuffer(1000)
    buffer.add(prepared(1, 1, "last_page"))
    assert buffer.is_due()


def test_an_empty_page_weighs_something_so_that_endless_empty_pages_are_committed_too() -> None:
    buffer = PageBuffer(3)
    for number in (1, 2, 3):
        buffer.add(prepared(number, 0))
    assert buffer.is_due()


def test_pages_that_hold_nothing_but_what_is_in_flight_are_committed_before_there_are_too_many() -> None:
    buffer = PageBuffer(25_000)
    for number in range(1, MOST_REPEATED_PAGES + 1):
        buffer.add(known(number))
    assert not buffer.is_due()
    buffer.add(known(MOST_REPEATED_PAGES + 1))
    assert buffer.is_due()
    batch = buffer.take()
    assert batch is not None
    assert len(batch.pages) == MOST_REPEATED_PAGES + 1
    buffer.add(known(MOST_REPEATED_PAGES + 2))
    assert not buffer.is_due()


def known(number: int) -> PreparedPage:
    preparer = Preparer()
    preparer.prepare(page(number, ["a"]))
    return preparer.prepare(page(number, ["a"]))


def test_a_page_of_megabytes_weighs_by_its_bytes() -> None:
    buffer = PageBuffer(25_000)
    large = prepared(1, 5)
    large.page.body_bytes = 60_000_000
    buffer.add(large)
    assert buffer.is_due()


def test_a_page_that_does_not_follow_is_refused() -> None:
    buffer = PageBuffer(10)
    buffer.add(prepared(1, 1))
    with pytest.raises(ValueError, match="does not follow"):
        buffer.add(prepared(3, 1))


@given(sizes=st.lists(st.integers(min_value=0, max_value=7), max_size=30), batch_rows=st.integers(1, 12))
def test_all_pages_leave_once_and_in_order_whatever_their_sizes(sizes: list[int], batch_rows: int) -> None:
    buffer = PageBuffer(batch_rows)
    for number, size in enumerate(sizes, start=1):
        buffer.add(prepared(number, size))
    numbers: list[int] = []
    batches: list[int] = []
    while (batch := buffer.take()) is not None:
        batches.append(batch.number)
        numbers += [entry.page.number for entry in batch.pages]
    assert numbers == list(range(1, len(sizes) + 1))
    assert batches == list(range(1, len(batches) + 1))
    assert buffer.rows == 0
