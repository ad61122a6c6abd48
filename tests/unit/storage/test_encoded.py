"""Rows as one object, and the ids in flight, compiled and not: against lists and counters of Python's."""

from __future__ import annotations

import random
import struct
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records import compiled
from datasync_spider.storage.encoded import EncodedRows, IdsInFlight
from datasync_spider.storage.rows import encode_rows
from tests.support.compiling import require_compiled

_ids = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    # Alike in the first eight bytes, which is what rows are sorted by before the whole of their ids is looked at.
    | st.text("ab", max_size=3).map("eight by".__add__)
    | st.sampled_from(["", "\0", "\0\0", "a", "a\0", "a" * 8, "a" * 9, "é" * 4, "☃" * 100, "\U0010ffff", "x" * 1000])
)
_rows = st.lists(_ids, max_size=12)


def encoded(event_ids: list[str]) -> list[bytes]:
    """One row for each id; which place it came from is in its payload."""
    return encode_rows(event_ids, [None] * len(event_ids), [b"%d" % place for place in range(len(event_ids))])


@pytest.fixture(scope="module", params=["compiled", "python"])
def way(request: pytest.FixtureRequest) -> Any:
    if request.param == "compiled":
        require_compiled()
    return request.param


@pytest.fixture(scope="module")
def of_bytes(way: str) -> Callable[[list[str], list[bytes]], Any]:
    return (lambda _, rows: compiled.listed(rows)) if way == "compiled" else EncodedRows


@pytest.fixture(scope="module")
def make(of_bytes: Callable[[list[str], list[bytes]], Any]) -> Callable[[list[str]], Any]:
    return lambda event_ids: of_bytes(event_ids, encoded(event_ids))


@pytest.fixture(scope="module")
def join(way: str) -> Callable[[list[Any]], Any]:
    return compiled.join if way == "compiled" else EncodedRows.join


@pytest.fixture(scope="module")
def in_flight(way: str) -> Callable[[], Any]:
    return compiled.InFlight if way == "compiled" else IdsInFlight


@given(_rows)
def test_rows_are_a_sequence_of_bytes_with_ids(make: Callable[[list[str]], Any], event_ids: list[str]) -> None:
    rows = make(event_ids)
    assert (len(rows), list(rows), rows.event_ids()) == (len(event_ids), encoded(event_ids), event_ids)
    assert [rows[place] for place in range(len(rows))] == encoded(event_ids)
    with pytest.raises(IndexError):
        rows[len(rows)]


@given(_rows)
def test_rows_in_order_are_in_that_of_the_bytes_of_their_ids(
    make: Callable[[list[str]], Any], event_ids: list[str]
) -> None:
    rows = make(event_ids)
    by_id = sorted(zip(event_ids, encoded(event_ids), strict=True), key=lambda row: row[0].encode())
    assert list(rows.in_order()) == [row for _, row in by_id]
    assert list(rows) == encoded(event_ids)


@pytest.mark.parametrize("form", ["{:08x}-tail", "same head {}", "{}", "{:064b}"])
def test_many_rows_in_order(make: Callable[[list[str]], Any], form: str) -> None:
    chance = random.Random(7)
    event_ids = [form.format(chance.getrandbits(32)) for _ in range(5_000)]
    event_ids += event_ids[:100]
    assert make(event_ids).in_order().event_ids() == sorted(event_ids)


@given(_rows, st.data())
def test_some_of_the_rows(make: Callable[[list[str]], Any], event_ids: list[str], data: st.DataObject) -> None:
    rows, every = make(event_ids), encoded(event_ids)
    picks = data.draw(st.lists(st.booleans(), min_size=len(every), max_size=len(every)))
    assert list(rows.only(picks)) == [row for row, pick in zip(every, picks, strict=True) if pick]
    start = data.draw(st.integers(0, len(every) + 2))
    stop = data.draw(st.integers(start, len(every) + 2))
    assert list(rows.part(start, stop)) == every[start:stop]
    prefix = data.draw(st.binary(max_size=15))
    assert rows.piece(start, stop, prefix) == b"".join(prefix + row for row in every[start:stop])


@given(st.lists(_rows, max_size=4), st.data())
def test_rows_of_rows_outlive_what_they_were_made_of(
    make: Callable[[list[str]], Any], join: Callable[[list[Any]], Any], parts: list[list[str]], data: st.DataObject
) -> None:
    every = [row for part in parts for row in encoded(part)]
    joined = join([make(part) for part in parts])
    assert list(joined) == every
    twice = join([joined, joined.part(0, len(joined))]).in_order()
    del joined
    assert Counter(twice) == Counter(every + every)
    assert list(twice.only([data.draw(st.booleans())] * len(twice))) in ([], list(twice))


def test_some_of_the_rows_keep_what_they_lie_in(
    of_bytes: Callable[[list[str], list[bytes]], Any], join: Callable[[list[Any]], Any]
) -> None:
    (whole,) = encoded(["a"])
    ways: list[Callable[[Any], Any]] = [
        lambda rows: rows.part(0, 1),
        lambda rows: rows.only([True]),
        lambda rows: rows.in_order(),
        lambda rows: join([rows]),
    ]
    for made in ways:
        rows = of_bytes(["a"], [whole])
        before = sys.getrefcount(whole)
        some = made(rows)
        del rows
        assert sys.getrefcount(whole) == before
        assert some[0] == whole
        del some
        assert sys.getrefcount(whole) == before - 1


class InFlightWords:
    """What the words mean."""

    def __init__(self) -> None:
        self.ids = Counter[str]()

    def add(self, event_ids: list[str]) -> int:
        there = 0
        for event_id in event_ids:
            there += self.ids[event_id] > 0
            self.ids[event_id] += 1
        return there


@given(st.randoms(use_true_random=False), st.sampled_from([3, 40, 3_000]), st.integers(0, 30))
def test_an_id_is_in_flight_as_often_as_it_was_added(
    make: Callable[[list[str]], Any], in_flight: Callable[[], Any], chance: random.Random, kinds: int, steps: int
) -> None:
    flight, words = in_flight(), InFlightWords()
    added: list[list[str]] = []
    for _ in range(steps):
        event_ids = [f"{chance.randrange(kinds):x}" for _ in range(chance.randrange(200))]
        assert flight.held(make(event_ids)) == [words.ids[event_id] > 0 for event_id in event_ids]
        if added and chance.random() < 0.45:
            gone = added.pop(chance.randrange(len(added)))
            flight.remove(make(gone))
            words.ids.subtract(gone)
        else:
            assert flight.add(make(event_ids)) == words.add(event_ids)
            added.append(event_ids)
        assert len(flight) == words.ids.total()
    for event_ids in added:
        flight.remove(make(event_ids))
    assert len(flight) == 0
    assert not any(flight.held(make([f"{kind:x}" for kind in range(kinds)])))


def test_thousands_of_ids_come_and_go(make: Callable[[list[str]], Any], in_flight: Callable[[], Any]) -> None:
    pages = [make([f"{page}-{place}-of-the-feed" for place in range(1_000)]) for page in range(30)]
    flight = in_flight()
    assert [flight.add(page) for page in pages] == [0] * 30
    assert [flight.add(page) for page in pages[:10]] == [1_000] * 10
    for page in pages:
        flight.remove(page)
    assert [all(flight.held(page)) for page in pages] == [True] * 10 + [False] * 20
    assert [any(flight.held(page)) for page in pages] == [True] * 10 + [False] * 20


def test_many_ids_are_taken_in_at_once(make: Callable[[list[str]], Any], in_flight: Callable[[], Any]) -> None:
    rows = make([f"{place:x}" for place in range(9_000)])
    flight = in_flight()
    assert (flight.add(rows), flight.add(rows)) == (0, 9_000)
    assert all(flight.held(rows))


def test_what_is_not_in_flight_cannot_be_taken_out(
    make: Callable[[list[str]], Any], in_flight: Callable[[], Any]
) -> None:
    flight = in_flight()
    flight.add(make(["a"]))
    with pytest.raises(ValueError, match="not in flight"):
        flight.remove(make(["b"]))
    with pytest.raises(ValueError, match="not in flight"):
        flight.remove(make(["a", "a"]))
    with pytest.raises(ValueError, match="not in flight"):
        in_flight().remove(make(["a"]))


def test_rows_are_sorted_and_joined_by_several_threads_at_once(make: Callable[[list[str]], Any]) -> None:
    event_ids = [f"{place * 7919 % 100_003:x}" for place in range(20_000)]
    rows = make(event_ids)
    by_id = sorted(zip(event_ids, encoded(event_ids), strict=True))
    whole = b"".join(b"before " + row for _, row in by_id)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(lambda: rows.in_order().piece(0, len(rows), b"before ")) for _ in range(12)]
        assert {job.result() for job in jobs} == {whole}


def test_what_are_no_rows_is_an_error() -> None:
    require_compiled()
    (whole,) = encoded(["abc"])
    rows: Any = compiled.listed([whole])
    for nothing in (b"", whole[:3], whole[:6], struct.pack("!i", -1), bytearray(whole), None, "row"):
        broken: Any = [whole, nothing]
        with pytest.raises(ValueError, match="bytes"):
            compiled.listed(broken)
    for call, error in [
        (lambda: compiled.listed((whole,)), TypeError),  # type: ignore[arg-type] # that is the point
        (lambda: compiled.join((rows,)), TypeError),  # type: ignore[arg-type]
        (lambda: compiled.join([rows, [whole]]), TypeError),  # type: ignore[list-item]
        (lambda: rows.only([]), ValueError),
        (lambda: rows.only((True,)), ValueError),
        (lambda: rows.only([1]), TypeError),
        (lambda: rows.part(-1, 1), ValueError),
        (lambda: rows.part(1, 0), ValueError),
        (lambda: rows.part(1), TypeError),
        (lambda: rows.piece(0, 1), TypeError),
        (lambda: rows.piece(0, 1, None), TypeError),
        (lambda: rows.piece(0, 1, "ab"), TypeError),
        (lambda: rows.piece(0, 1, bytearray(b"ab")), TypeError),
        (lambda: rows.piece(-1, 1, b"ab"), ValueError),
        (lambda: compiled.InFlight().add([whole]), TypeError),  # type: ignore[arg-type]
        (lambda: compiled.InFlight().remove(None), TypeError),  # type: ignore[arg-type]
        (lambda: compiled.InFlight().held("a"), TypeError),  # type: ignore[arg-type]
        (lambda: compiled.InFlight(1), TypeError),  # type: ignore[call-arg]
        (lambda: compiled.InFlight(room=1), TypeError),  # type: ignore[call-arg]
        (compiled.Rows, TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]


def test_an_id_that_is_no_text_is_an_error_where_it_is_read() -> None:
    require_compiled()
    rows = compiled.listed([struct.pack("!i", 2) + b"\xff\xfe"])
    with pytest.raises(UnicodeDecodeError):
        rows.event_ids()
