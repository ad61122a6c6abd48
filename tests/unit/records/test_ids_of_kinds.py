"""Ids of several parts and by digest: one record has one id however it is written, and two have two."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.records.jsontexts import objects, storable_text, written
from tests.unit.records.shapedreaders import read, reader, reasons

ALL = reader(id={"all": ["a", "b.c"]})
HASH = reader(id={"hash": True})
HASH_WITHOUT = reader(id={"hash": True, "without": ["at", "meta.seen"]})


def one(record: bytes, by: object = HASH) -> str:
    """Its id, read by itself."""
    (found,) = by.parse([record]).event_ids  # type: ignore[attr-defined]
    return str(found)


def test_several_parts_make_a_list_of_texts_that_can_be_confused_with_no_other() -> None:
    assert one(b'{"a":"x","b":{"c":7}}', ALL) == '["x","7"]'
    assert one(b'{"b":{"c":"7"},"a":"x"}', ALL) == '["x","7"]'
    parts = ["a", 'a","b', "a\\", '"', ",", "[", "é", "1"]
    pairs = list(itertools.product(parts, parts))
    ids = [one(json.dumps({"a": a, "b": {"c": c}}).encode(), ALL) for a, c in pairs]
    assert len(set(ids)) == len(pairs)
    assert [tuple(json.loads(each)) for each in ids] == pairs


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"a":"x"}', "id_incomplete"),
        (b'{"a":"x","b":{}}', "id_incomplete"),
        (b'{"a":"x","b":{"c":null}}', "id_incomplete"),
        (b'{"a":null,"b":{"c":1}}', "id_incomplete"),
        (b'{"x":1}', "no_id"),
        (b'{"a":"x","b":{"c":1.5}}', "id_wrong_type"),
        (b'{"a":true,"b":{"c":1}}', "id_wrong_type"),
        (b'{"a":"","b":{"c":" "}}', "id_empty"),
        (b'{"a":"x","b":{"c":"\\u0000"}}', "id_nul"),
        (b'{"a":"x","b":{"c":"%b"}}' % (b"y" * 995), "id_too_long"),
        (b'{"a":"x","b":{"c":"\\ud800"}}', "lone_surrogate"),
        (b'["x",1]', "not_an_object"),
    ],
)
def test_a_part_that_is_missing_or_can_be_none_is_a_dead_letter(record: bytes, reason: str) -> None:
    good = b'{"a":"x","b":{"c":0}}'
    records, rejected = read(b'{"data":[%b,%b]}' % (record, good), ALL)

    assert list(records) == ['["x","0"]']
    assert reasons(rejected) == [(0, reason, record)]


def test_an_empty_part_beside_another_is_a_part() -> None:
    assert one(b'{"a":"","b":{"c":"x"}}', ALL) == '["","x"]'


SAME = [
    b'{"a":1,"b":{"x":"\xc3\xa9/","y":[1,2.50]}}',
    b'{ "b" : {"y":[1.0,2.5],"x":"\\u00e9\\/"}, "a": 1 }',
    b'{"a":7,"b":{"z":1},"a":1e0,"b":{"x":"\\u00E9/","x":"\xc3\xa9/","y":[10e-1,25E-1]}}',
]


def test_a_record_has_one_digest_however_it_is_written() -> None:
    assert len({one(record) for record in SAME}) == 1
    assert len(one(SAME[0])) == 32
    assert set(one(SAME[0])) <= set("0123456789abcdef")
    # For ever: with another digest all stored records would come again.
    assert one(b'{"b":[1.5,1,"x",null,true],"a":{}}') == "1a83b12fbb1c04919565248d256350e0"


@pytest.mark.parametrize(
    ("number", "other"),
    [
        (b"0", b"-0"),
        (b"0", b"0.000"),
        (b"0", b"-0e99"),
        (b"100", b"1e2"),
        (b"100", b"1.00e+02"),
        (b"-1.5", b"-15e-1"),
        (b"1" + b"0" * 17, b"1e17"),
        (b"1" + b"0" * 18, b"1e18"),
        (b"-1" + b"0" * 17, b"-1e17"),
        (b"1" + b"0" * 5_000, b"1e5000"),
        (b"12345678901234567890.10", b"1234567890123456789010e-2"),
        (b"1e-400", b"0.1e-399"),
    ],
)
def test_equal_numbers_are_equal(number: bytes, other: bytes) -> None:
    assert one(b'{"n":%b}' % number) == one(b'{"n":%b}' % other)


def test_what_is_unlike_has_another_digest() -> None:
    records = [
        *(b'{"a":1}', b'{"a":"1"}', b'{"a":null}', b"{}", b'{"a":true}', b'{"a":[1]}', b'{"a":{"a":1}}', b'{"a":1.1}'),
        *(b'{"a":10}', b'{"a":-1}', b'{"A":1}', b'{"a":1,"b":1}', b'{"a":[1,2]}', b'{"a":[2,1]}', b'{"a":"1e0"}'),
        *(b'{"a":12345678901234567890}', b'{"a":12345678901234567891}', b'{"a":"1.1"}', b'{"a":"11e-1"}'),
    ]
    assert len({one(record) for record in records}) == len(records)


def test_what_is_left_out_makes_no_difference_and_all_else_does() -> None:
    same = [
        b'{"a":1,"meta":{"x":2}}',
        b'{"a":1,"at":5,"meta":{"x":2,"seen":9}}',
        b'{"meta":{"seen":null,"x":2},"at":{"deep":[1]},"a":1}',
    ]
    other = [b'{"a":1,"meta":{"x":2,"at":5}}', b'{"a":1,"meta":[2]}', b'{"a":1,"meta":{"x":2},"seen":1}', b'{"a":1}']
    assert len({one(record, HASH_WITHOUT) for record in same}) == 1
    assert len({one(record, HASH_WITHOUT) for record in [same[0], *other]}) == 5


@pytest.mark.parametrize("record", [b"[1]", b"7", b'"x"', b"null"])
def test_what_is_no_object_has_no_digest(record: bytes) -> None:
    records, rejected = read(b'{"data":[%b,{"a":1}]}' % record, HASH)

    assert len(records) == 1
    assert reasons(rejected) == [(0, "not_an_object", record)]


@given(st.lists(written(objects(storable_text)), min_size=1, max_size=4))
def test_together_or_alone_as_text_or_again_an_id_is_the_same(records: list[bytes]) -> None:
    for by in (HASH, HASH_WITHOUT, ALL):
        body = b'{"data":[' + b",".join(records) + b"]}"
        found, _ = by.split(body)
        together = by.parse(found or [])
        alone = [by.parse([record]) for record in records]
        assert together.event_ids == [event_id for each in alone for event_id in each.event_ids]
        assert [one.reason for one in together.rejected] == [r.reason for each in alone for r in each.rejected]
        for record in records:
            again = json.dumps(json.loads(record)).encode()
            assert by.parse([again]).event_ids == by.parse([record]).event_ids


def test_pages_are_distinguished_by_what_makes_their_ids() -> None:
    assert ALL.identity(b'{"a":1,"b":{"c":2},"x":1}') == ALL.identity(b'{"a":1,"b":{"c":2},"x":2}')
    assert ALL.identity(b'{"a":1}') == b'{"a":1}'
    assert HASH_WITHOUT.identity(b'{"a":1,"at":1}') == HASH_WITHOUT.identity(b'{"a":1.0,"at":2}')
    assert HASH.identity(b"{broken") == b"{broken"
    assert HASH.identity(b"[1]") == b"[1]"
