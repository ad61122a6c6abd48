"""Pages that came before in the same chain are counted, and so are empty ones; new pages and the end clear them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_spider.errors import NoNewRecords, OnlyEmptyPages
from datasync_spider.records.page import Page
from datasync_spider.records.pagetrail import MOST_EMPTY_PAGES, MOST_REPEATED_PAGES, PageTrail
from tests.support.sources import read_page, read_page_in_python


def page(*records: Any, has_more: bool = True, compiled: bool = True) -> Page:
    body = {"data": list(records), "hasMore": has_more, "nextCursor": "n" if has_more else None}
    return (read_page if compiled else read_page_in_python)(json.dumps(body).encode())


def follow(trail: PageTrail, pages: list[Page]) -> None:
    for each in pages:
        trail.follow(each)


@pytest.mark.parametrize(
    "records",
    [
        [{"id": "a"}],
        [{"id": 7, "timestamp": 1}, {"id": 8}],
        [{"eventId": "a"}, {"event_id": None, "eventId": "b"}],
        [42, None, 42],
        [{"no": "id"}, "text"],
        [{"id": ["not", "usable"]}],
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_a_page_for_ever_ends_after_a_hundred_repeats(records: list[Any], *, compiled: bool) -> None:
    trail = PageTrail()
    follow(trail, [page(*records, compiled=compiled)] * (MOST_REPEATED_PAGES + 1))
    with pytest.raises(NoNewRecords, match="1 different ones"):
        trail.follow(page(*records, compiled=compiled))


def test_what_changes_with_each_answer_beside_the_id_makes_no_new_page() -> None:
    trail = PageTrail()
    with pytest.raises(NoNewRecords):
        follow(trail, [page({"id": "a", "served_at": number, "bad": "\0"}, {"id": "b"}) for number in range(150)])


def test_two_pages_in_turns_and_a_whole_feed_again_and_again_are_noticed() -> None:
    for length in (2, 700):
        trail = PageTrail()
        feed = [page({"id": f"e{number}"}) for number in range(length)]
        follow(trail, feed)
        with pytest.raises(NoNewRecords, match=f"{length} different ones"):
            follow(trail, feed * 60)


def test_a_growing_feed_may_repeat_a_hundred_pages_as_often_as_it_goes_on_afterwards() -> None:
    trail = PageTrail()
    for number in range(5):
        follow(trail, [page({"id": f"e{number}"})] * (MOST_REPEATED_PAGES + 1))


def test_pages_that_shift_are_new() -> None:
    trail = PageTrail()
    follow(trail, [page(*({"id": n} for n in range(start, start + 10))) for start in range(0, 3000, 3)])


def test_empty_pages_have_a_bound_of_their_own() -> None:
    trail = PageTrail()
    for number in range(3):
        follow(trail, [page({"id": number}), *[page()] * MOST_EMPTY_PAGES])
    with pytest.raises(OnlyEmptyPages, match="501 empty pages"):
        trail.follow(page())


def test_empty_pages_between_repeated_ones_save_neither() -> None:
    trail = PageTrail()
    with pytest.raises(NoNewRecords):
        follow(trail, [page(), page({"id": "a"})] * (MOST_REPEATED_PAGES + 2))
    trail = PageTrail()
    with pytest.raises(OnlyEmptyPages):
        follow(trail, [page({"id": "a"}), *[page()] * 20] * 30)


def test_the_last_page_is_never_one_too_many() -> None:
    trail = PageTrail()
    follow(trail, [page({"id": "a"})] * (MOST_REPEATED_PAGES + 1))
    trail.follow(page({"id": "a"}, has_more=False))
    follow(trail, [page()] * MOST_EMPTY_PAGES)
    trail.follow(page(has_more=False))
