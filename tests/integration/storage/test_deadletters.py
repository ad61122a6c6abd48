"""Dead letters as they are read: which ones, in which order, and how much of them at once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage import deadletters
from datasync_spider.storage.connection import connected
from datasync_spider.storage.deadletters import (
    Chosen,
    DeadLetterCount,
    count_dead_letters,
    read_bytes,
    read_dead_letters_after,
    read_groups,
    read_list,
)
from datasync_spider.storage.statements import statement
from tests.support.database import execute_outside
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.runs import EVENTS
from tests.support.sources import READER

ALL = Chosen(EVENTS, with_replayed=True)
OPEN = Chosen(EVENTS)


@pytest.fixture
def dead_letters(database_url: str) -> str:
    """Five dead letters of two runs, the second of which is resolved."""
    leave_dead_letters(database_url, [("no_id", b"{}"), ("no_id", b'{"a":1}'), ("id_empty", b'{"id":""}')])
    leave_dead_letters(database_url, [("no_id", b'{"b":1}'), ("not_an_object", b"null")])
    execute_outside(database_url, "UPDATE rejected_events SET replayed_at = now() WHERE raw = '{\"a\":1}'")
    return database_url


def test_resolved_dead_letters_are_left_out_unless_they_are_asked_for(dead_letters: str) -> None:
    with connected(dead_letters) as connection:
        assert count_dead_letters(connection, OPEN) == DeadLetterCount(open=4, replayed=1)
        assert [entry.head for entry in read_list(connection, OPEN, 10, 99)] == [
            b"null",
            b'{"b":1}',
            b'{"id":""}',
            b"{}",
        ]
        assert len(read_list(connection, ALL, 10, 99)) == 5


def test_groups_have_their_number_and_the_head_of_the_newest(dead_letters: str) -> None:
    with connected(dead_letters) as connection:
        groups = read_groups(connection, OPEN, 4)
    assert [(group.reason, group.dead_letters, group.head, group.example_bytes) for group in groups] == [
        ("no_id", 2, b'{"b"', 7),
        ("id_empty", 1, b'{"id', 9),
        ("not_an_object", 1, b"null", 4),
    ]
    assert groups[0].first_at < groups[0].last_at


def test_dead_letters_are_chosen_by_reason_and_by_run(dead_letters: str) -> None:
    with connected(dead_letters) as connection:
        runs = sorted({entry.run_id for entry in read_list(connection, ALL, 10, 99)})
        chosen = Chosen(EVENTS, "no_id", runs[1])
        assert [entry.head for entry in read_list(connection, chosen, 10, 99)] == [b'{"b":1}']
        assert [group.reason for group in read_groups(connection, chosen, 99)] == ["no_id"]
        assert count_dead_letters(connection, chosen) == DeadLetterCount(open=1, replayed=0)


def test_another_streams_dead_letters_are_not_shown(dead_letters: str) -> None:
    with connected(dead_letters) as connection:
        assert read_list(connection, Chosen(replace(EVENTS, slice_id=99), with_replayed=True), 10, 99) == []
        (first, *_) = read_list(connection, OPEN, 10, 99)
        assert read_bytes(connection, EVENTS, first.rejected_id) == b"null"
        assert read_bytes(connection, replace(EVENTS, slice_id=99), first.rejected_id) is None


def test_pieces_come_in_order_and_hold_so_many_bytes_but_at_least_one_dead_letter(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "_PIECE_BYTES", 1_000)
    sizes = [10, 990, 1, 5_000, 1, 1, 999, 3]
    leave_dead_letters(database_url, [bytes([65 + place]) * size for place, size in enumerate(sizes)])
    pieces: list[list[int]] = []
    with connected(database_url) as connection:
        after = 0
        while piece := read_dead_letters_after(connection, OPEN, after):
            pieces.append([len(entry.raw) for entry in piece])
            after = piece[-1].rejected_id
    # A piece ends with the dead letter that brings it to its measure.
    assert pieces == [[10, 990], [1, 5_000], [1, 1, 999], [3]]


def test_pieces_hold_a_number_of_dead_letters_at_most(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters, "_PIECE_ROWS", 3)
    leave_dead_letters(database_url, [b"%d" % number for number in range(7)])
    with connected(database_url) as connection:
        first = read_dead_letters_after(connection, OPEN, 0)
        assert [entry.raw for entry in first] == [b"0", b"1", b"2"]
        second = read_dead_letters_after(connection, OPEN, first[-1].rejected_id)
        assert [entry.raw for entry in second] == [b"3", b"4", b"5"]


def test_a_dead_letter_is_read_again_by_this_version(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b"{}"])
    with connected(database_url) as connection:
        good, bad = read_dead_letters_after(connection, OPEN, 0)
    assert good.read_again(READER) == Event("a", 1_700_000_000_000_000, raw_event("a"))
    assert bad.read_again(READER) == RejectedEvent(0, "no_id", b"{}")


@pytest.mark.parametrize("with_replayed", [True, False])
def test_a_piece_is_read_along_the_key_and_not_gathered_from_all_dead_letters(
    database_url: str, with_replayed: bool
) -> None:
    leave_dead_letters(database_url, [b'{"n":%d}' % number for number in range(5_000)])
    chosen = Chosen(EVENTS, with_replayed=with_replayed)
    values = {**chosen.values(), "after": 2_500, "max_rows": 1_000, "max_bytes": 1 << 20}
    with connected(database_url) as connection, connection.cursor() as cursor:
        assert len(read_dead_letters_after(connection, chosen, 2_500)) == 1_000
        cursor.execute(f"EXPLAIN {statement('read_dead_letters_after')}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using rejected_events_slice_idx" in plan
    assert "Sort" not in plan
