"""What of a stream's fields is a change: pages of records go in, changes come out, as a run's batches would do it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.sources.drift import LEAST_RECORDS, MOST_FIELDS, PAGES, Profile
from datasync_spider.sources.fieldsample import Counts, places, records_of, sampled, shown

Record = dict[str, Any]


def read(*records: Record) -> Counts:
    return shown(json.dumps(record).encode() for record in records)


class Stream:
    """``found``: each change with the number of the page that has shown it."""

    def __init__(self, records_a_page: int = 4) -> None:
        self.profile = Profile({})
        self.records_a_page = records_a_page
        self.pages = 0
        self.found: list[tuple[int, str]] = []

    def read(self, pages: int, make: Callable[[], Record]) -> Stream:
        for _ in range(pages):
            self.pages += 1
            self.profile.modified.clear()
            self.profile.meet(read(*(make() for _ in range(self.records_a_page))))
            self.found += [(self.pages, str(change)) for change in self.profile.changes()]
        return self


def plain() -> Record:
    return {"id": "a", "amount": 1, "user": {"name": "b"}}


@pytest.fixture(params=[1, 4, 32])
def stream(request: pytest.FixtureRequest) -> Stream:
    """Streams of pages with so many samples, known well."""
    return Stream(request.param).read(100, plain)


CHANGED: list[tuple[Record, str]] = [
    ({**plain(), "coupon": "x"}, "coupon appeared (text)"),
    ({"id": "a", "user": {"name": "b"}}, "amount vanished (it was bigint)"),
    ({**plain(), "amount": "1"}, "amount changed its type (bigint, now also text)"),
    ({**plain(), "amount": 1.5}, "amount changed its type (bigint, now also numeric)"),
    ({**plain(), "amount": {"value": 1, "currency": "EUR"}}, "amount changed its type (bigint, now also object)"),
    ({**plain(), "user": {"name": "b", "mail": None}}, "user.mail appeared (null)"),
    ({**plain(), "user": {}}, "user.name vanished (it was text)"),
    ({**plain(), "user": {"name": ["b"]}}, "user.name changed its type (text, now also array)"),
    ({**plain(), "user": ["b"]}, "user changed its type (object, now also array)"),
    ({"id": "a", "amount": 1}, "user vanished (it was object)"),
    ({**plain(), "at.": {"x": 1}}, '"at." appeared (object)'),
]


@pytest.mark.parametrize(("record", "change"), CHANGED)
def test_what_holds_of_every_record_is_found_within_ten_pages_and_reported_once(
    stream: Stream, record: Record, change: str
) -> None:
    stream.read(PAGES, lambda: record)
    assert [words for _, words in stream.found] == [change]
    assert stream.read(200, lambda: record).found[1:] == []


def test_the_same_is_found_right_behind_what_was_learned() -> None:
    learned = Stream(1).read(LEAST_RECORDS, plain)
    assert not learned.profile.is_learning
    learned.read(PAGES, lambda: {**plain(), "coupon": "x", "amount": "1"})
    assert {words for _, words in learned.found} == {
        "coupon appeared (text)",
        "amount changed its type (bigint, now also text)",
    }


def test_nothing_is_a_change_in_the_first_pages_of_a_stream() -> None:
    numbers = iter(range(10_000))
    stream = Stream(100).read(PAGES, lambda: {"id": 1, f"field {next(numbers) % 90}": 1})
    assert stream.found == []
    assert Stream(2).read(LEAST_RECORDS // 2, lambda: {"id": 1, f"field {next(numbers)}": 1}).found == []


def test_a_field_of_half_of_the_records_is_found_a_few_pages_later() -> None:
    dice = random.Random(1)
    stream = Stream(4).read(100, plain).read(10, lambda: {**plain(), **({"a": 1} if dice.random() < 0.5 else {})})
    ((page, words),) = stream.found
    assert (words, page <= 110) == ("a appeared (bigint)", True)


@pytest.mark.parametrize("share", [0.3, 0.05, 0.01, 0.001])
def test_rare_fields_and_kinds_are_no_change(share: float) -> None:
    dice = random.Random(share)

    def some(**fields: Any) -> Record:
        return {name: value for name, value in fields.items() if dice.random() < share}

    def record() -> Record:
        rare = some(**{f"rare {number}": 1 for number in range(20)})
        odd = {f"odd {number}": "text" if dice.random() < share else number for number in range(20)}
        nulls = {f"null {number}": None if dice.random() < share else 1 for number in range(5)}
        return {"id": 1, **rare, **odd, **nulls, "in": some(x=1, y=2, z=None)}

    assert Stream(4).read(500, record).found == []


def test_neither_null_nor_the_order_of_names_is_a_change() -> None:
    stream = Stream().read(100, lambda: {"id": 1, "note": "x", "closed": None})
    stream.read(100, lambda: {"closed": None, "note": None, "id": 1})
    # What was always null has its first kind.
    assert stream.read(100, lambda: {"note": "y", "closed": "now", "id": 2}).found == []


def test_a_field_that_comes_back_is_not_reported_again_when_it_goes() -> None:
    def without() -> Record:
        return {"id": "a", "user": {"name": "b"}}

    stream = Stream().read(100, plain)
    for _ in range(5):
        stream.read(20, without).read(300, plain)
    assert stream.found == [(110, "amount vanished (it was bigint)")]


def test_a_field_that_was_not_in_nearly_all_records_does_not_vanish() -> None:
    numbers = iter(range(10_000))
    stream = Stream().read(100, lambda: {"id": 1, **({"a": 1} if next(numbers) % 10 else {})})
    assert stream.read(200, lambda: {"id": 1}).found == []


def test_members_of_an_object_count_where_there_is_the_object() -> None:
    numbers = iter(range(100_000))

    def sometimes(**members: Any) -> Callable[[], Record]:
        return lambda: {"id": 1, **({"refund": members} if next(numbers) % 20 == 0 else {})}

    stream = Stream(4).read(500, sometimes(amount=1, reason="x"))
    assert stream.found == []
    stream.read(500, sometimes(amount="1", by="y"))
    assert sorted(words for _, words in stream.found) == [
        "refund.amount changed its type (bigint, now also text)",
        "refund.by appeared (text)",
        "refund.reason vanished (it was text)",
    ]


def test_names_that_are_data_change_nothing_and_are_dropped() -> None:
    numbers = iter(range(1_000_000))
    stream = Stream().read(500, lambda: {"id": 1, "by_id": {f"user {next(numbers)}": {"x": 1}}})
    assert stream.found == []
    assert set(stream.profile.fields) == {(), ("id",), ("by_id",)}
    assert stream.profile.fields["by_id",]["object"].is_full


def test_of_two_thousand_fields_so_many_are_followed_as_is_said() -> None:
    wide = {f"field {number}": number for number in range(2_000)}
    stream = Stream().read(20, lambda: wide)
    assert len(stream.profile.fields) == MOST_FIELDS + 1
    assert stream.profile.fields[()]["object"].is_full
    stream.read(PAGES, lambda: {**wide, "field 7": "seven"})
    assert [words for _, words in stream.found] == ['"field 7" changed its type (bigint, now also text)']


def test_names_that_no_path_can_hold_are_passed_over() -> None:
    odd = {"": 1, "a\0b": 1, "\ud800": 1, "x" * 5_000: 1, "fine": {"": 1, "z\0": 1}}
    assert set(Stream().read(20, lambda: odd).profile.fields) == {(), ("fine",)}


def test_records_that_are_no_objects_show_nothing() -> None:
    assert shown([b"[1]", b'"x"', b"7", b"null", b"[" * 100_000, b"\xff"]) == {}


def test_numbers_are_distinguished_as_columns_distinguish_them() -> None:
    counts = shown([b'{"a": 9223372036854775807, "b": 9223372036854775808, "c": 1e400, "d": 1.0, "e": -0, "f": true}'])
    kinds = {field[0]: kind for field, kind in counts if field}
    assert kinds == {"a": "bigint", "b": "numeric", "c": "numeric", "d": "numeric", "e": "bigint", "f": "boolean"}


def test_records_of_a_page_are_chosen_all_over_it() -> None:
    assert [records_of(rows) for rows in (4, 100, 1_000, 5_000, 100_000)] == [4, 4, 6, 16, 16]
    assert [places(count, 4) for count in range(5)] == [list(range(count)) for count in range(5)]
    chosen = Counter(place for _ in range(4_000) for place in places(100, 4))
    assert len(chosen) == 100
    assert min(chosen.values()) > 80
    assert all(len(set(places(5, 4))) == 4 for _ in range(100))


def test_large_records_are_read_as_often_as_they_are_worth() -> None:
    large = json.dumps({"id": 1, "text": "x" * 1_000_000}).encode()
    read = sum(sampled([large], len(large))[(), "object"] for _ in range(2_000))
    # A share of 31,250 bytes of a million.
    assert 20 < read < 140
    small = json.dumps(plain()).encode()
    assert sampled([small] * 4, 400)[(), "object"] == 4


def test_nothing_but_names_and_kinds_is_kept() -> None:
    assert set(read({"id": "secret", "a": {"b": "secret"}})) == {
        ((), "object"),
        (("id",), "text"),
        (("a",), "object"),
        (("a", "b"), "text"),
    }
