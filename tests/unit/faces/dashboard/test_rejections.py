from datetime import UTC, datetime
from typing import Any

import pytest

from datasync_spider.faces.dashboard.rejections import RejectedEvent, rejected_page

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def event(head: bytes, size: int | None = None, **columns: Any) -> RejectedEvent:
    row = {
        "rejected_id": 5,
        "stream": "events",
        "slice": "{}",
        "run_id": 3,
        "page_number": 2,
        "position": 7,
        "reason": "no_id",
        "detail": None,
        "head": head,
        "bytes": len(head) if size is None else size,
        "rejected_at": NOW,
        "replayed_at": None,
        **columns,
    }
    (only,) = rejected_page([row], 10).events
    return only


def text(found: RejectedEvent) -> str:
    return "".join(part.text if part.kind == "text" else f"[{part.text}]" for part in found.text)


def test_a_short_event_is_shown_whole() -> None:
    found = event(b'{"a":1}')
    assert (found.bytes, found.shown_bytes, text(found)) == (7, 7, '{"a":1}')


@pytest.mark.parametrize("char", ["é", "日", "👩"])
def test_a_cut_through_a_character_does_not_make_broken_bytes_of_it(char: str) -> None:
    whole = ("x" + char * 3).encode()
    for length in range(1, len(whole)):
        found = event(whole[:length], 999)
        assert "[" not in text(found), length
        assert found.shown_bytes <= length


def test_broken_bytes_at_the_end_of_a_whole_event_are_shown() -> None:
    assert text(event(b"ab\xe6\x97")) == "ab[0xE6][0x97]"


def test_continuation_bytes_without_a_beginning_are_shown() -> None:
    assert text(event(b"\x80" * 5, 999)) == "[0x80]" * 5


def test_the_place_of_a_row_that_postgresql_refused_is_not_known() -> None:
    assert event(b"x", position=-1).position is None
    assert event(b"x").position == 7


def test_one_row_too_many_means_that_there_are_more() -> None:
    row = {
        "rejected_id": 0,
        "stream": "s",
        "slice": "{}",
        "run_id": 1,
        "page_number": 1,
        "position": 0,
        "reason": "no_id",
        "detail": None,
    }
    rows = [
        {**row, "rejected_id": n, "head": b"", "bytes": 0, "rejected_at": NOW, "replayed_at": None} for n in (9, 8, 7)
    ]
    page = rejected_page(rows, 2)
    assert [found.id for found in page.events] == [9, 8]
    assert page.next_before == 8
    assert rejected_page(rows, 3).next_before is None
