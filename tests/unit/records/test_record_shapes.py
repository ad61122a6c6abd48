"""Records of every shape that a file can name: each piece of a page is a record or a dead letter, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import PageUnreadable
from tests.unit.records.shapedreaders import page, read, reader, reasons

MAP = {"path": "data", "shape": "map", "key": "id"}
WRAPPED = {"path": "data", "shape": "wrapped:node"}
SCALARS = {"path": "data", "shape": "scalars"}
COLUMNS = {"path": "data", "shape": "columns:meta.names"}


def test_values_under_keys_become_records_that_hold_their_keys_with_every_digit_as_it_was() -> None:
    body = b'{"data": {"a": {"n": 1.10, "m": 1E+2} , "\\u0062":{ }, "c": {"x":[1.0]}}, "next": null}'

    records, rejected = read(body, reader(MAP))

    assert records == {
        "a": b'{"id":"a","n": 1.10, "m": 1E+2}',
        "b": b'{"id":"\\u0062"}',
        "c": b'{"id":"c","x":[1.0]}',
    }
    assert rejected == []


def test_two_values_under_one_key_are_two_records() -> None:
    by = reader(MAP)
    records, _ = by.split(b'{"data":{"a":{"n":1},"a":{"n":2}}}')

    assert by.parse(records or []).event_ids == ["a", "a"]


def test_a_value_that_has_a_member_of_that_name_is_a_dead_letter_however_the_name_is_written() -> None:
    body = b'{"data":{"a":{"id":"a"},"b":{"\\u0069d":1},"c":{"x":{"id":1}},"d":{"x":"id"},"e":7,"f":null}}'

    records, rejected = read(body, reader(MAP))

    assert list(records) == ["c", "d"]
    assert reasons(rejected) == [
        (0, "key_taken", b'{"a":{"id":"a"}}'),
        (1, "key_taken", b'{"b":{"\\u0069d":1}}'),
        (4, "not_a_member", b'{"e":7}'),
        (5, "not_a_member", b'{"f":null}'),
    ]


def test_a_map_without_members_is_empty_also_where_it_is_written_as_php_does() -> None:
    for body in (b'{"data":{}}', b'{"data": [ ]}', b'{"data":{ }}'):
        assert read(body, reader(MAP)) == ({}, [])
    assert reader(MAP).split(b'{"data":[{"a":1}]}')[0] is None


def test_a_map_may_be_the_whole_body() -> None:
    assert read(b' {"a":{},"b":{"id2":1}} ', reader({"path": "@", "shape": "map", "key": "id"}))[0].keys() == {"a", "b"}


def test_of_wrapped_records_the_bytes_within_are_kept_and_an_element_without_one_is_a_dead_letter() -> None:
    body = (
        b'{"data":[{"cursor":"x","node":{"id":1.0e1,"id":"a" }},{"node":{"id":"b","n":1.00}},'
        b'{"id":"c"},{"node":null,"id":"d"},[1],7,null,{"node":{"id":"x"},"node":{"id":"e"}},{"node":5}]}'
    )

    records, rejected = read(body, reader(WRAPPED))

    assert records == {"a": b'{"id":1.0e1,"id":"a" }', "b": b'{"id":"b","n":1.00}', "e": b'{"id":"e"}'}
    assert reasons(rejected) == [
        (2, "not_wrapped", b'{"id":"c"}'),
        (3, "not_wrapped", b'{"node":null,"id":"d"}'),
        (4, "not_wrapped", b"[1]"),
        (5, "not_wrapped", b"7"),
        (6, "not_wrapped", b"null"),
        (8, "not_an_object", b"5"),
    ]
    assert rejected[0].detail == "it has nothing at node"


@pytest.mark.parametrize("path", ["a.b", "[1].b", "[-1].b", 'a."x\\"y"'])
def test_what_is_wrapped_may_stand_anywhere_within(path: str) -> None:
    by = reader({"path": "@", "shape": f"wrapped:{path}"})
    inner = {"a.b": b'{"a":{"b":%b}}', 'a."x\\"y"': b'{"a":{"x\\"y":%b}}'}.get(path, b'[0,{"b":%b}]')

    records, rejected = read(b"[" + inner % b'{"id":"1"}' + b"," + inner % b"null" + b"]", by)

    assert records == {"1": b'{"id":"1"}'}
    assert [one.reason for one in rejected] == ["not_wrapped"]


def test_an_element_that_is_no_json_costs_no_other_one() -> None:
    body = b'{"data":[{"node":{"id":"a"}},{"node":{"id":"b"},"x":01},{"node":{"id":"c","y":"\xff"}},{"x":"\xff"}]}'

    records, rejected = read(body, reader(WRAPPED))

    assert list(records) == ["a"]
    assert [(one.position, one.reason) for one in rejected] == [
        (1, "malformed_json"),
        (2, "invalid_utf8"),
        (3, "invalid_utf8"),
    ]


def test_bare_texts_and_numbers_become_records_and_all_else_dead_letters() -> None:
    by = reader(SCALARS, id="value", time="value")
    body = b'{"data":["a", 17 ,"\\u0062",-0,1.50,true,null,{"value":"x"},["y"]]}'

    records, rejected = read(body, by)

    assert records == {
        "a": b'{"value":"a"}',
        "17": b'{"value":17}',
        "b": b'{"value":"\\u0062"}',
        "0": b'{"value":-0}',
    }
    assert reasons(rejected) == [
        (4, "id_wrong_type", b'{"value":1.50}'),
        (5, "not_a_scalar", b"true"),
        (6, "not_a_scalar", b"null"),
        (7, "not_a_scalar", b'{"value":"x"}'),
        (8, "not_a_scalar", b'["y"]'),
    ]


def test_rows_become_records_under_the_names_beside_them() -> None:
    body = b'{"meta":{"names":["id","at","n \\"m\\""]},"data":[["a",1700000000, 1.10],["b",null,{"x":[1E2]}]]}'

    records, rejected = read(body, reader(COLUMNS))

    assert records == {
        "a": b'{"id":"a","at":1700000000,"n \\"m\\"":1.10}',
        "b": b'{"id":"b","at":null,"n \\"m\\"":{"x":[1E2]}}',
    }
    assert rejected == []


@pytest.mark.parametrize("other", [b'["b"]', b'{"id":"b","at":1}', b'["b",1,2]', b"null", b'"ab"', b"[]"])
def test_a_row_of_another_length_is_a_dead_letter(other: bytes) -> None:
    body = b'{"meta":{"names":["id","at"]},"data":[["a",1],%b,["c",3]]}' % other

    records, rejected = read(body, reader(COLUMNS))

    assert list(records) == ["a", "c"]
    reason = "row_length" if other.startswith(b"[") else "not_a_row"
    assert reasons(rejected) == [(1, reason, other)]


@pytest.mark.parametrize(
    ("names", "detail"),
    [
        (b'["id","at","id"]', "has 'id' twice"),
        (b'["id","\\u0069d"]', "has 'id' twice"),
        (b'{"0":"id"}', "no list of names"),
        (b'["id",7]', "no list of names"),
        (b"[]", "no list of names"),
        (b"null", "no list of names"),
    ],
)
def test_a_page_whose_names_are_none_is_no_page(names: bytes, detail: str) -> None:
    with pytest.raises(PageUnreadable, match=detail) as caught:
        reader(COLUMNS).split(b'{"meta":{"names":%b},"data":[["a",1]]}' % names)
    assert caught.value.reason == "columns_unreadable"
    assert reader(COLUMNS).split(b'{"meta":{"names":%b},"data":[]}' % names)[0] == []


def test_columns_around_that_are_no_json_are_a_page_that_is_none() -> None:
    with pytest.raises(PageUnreadable) as caught:
        reader(COLUMNS).split(b'{"meta":{"names":["id",]},"data":[["a"]]}')
    assert caught.value.reason == "not_json"


@pytest.mark.parametrize("records", [MAP, WRAPPED, SCALARS, COLUMNS, "data"])
@pytest.mark.parametrize("body", [b"{}", b'{"data":7}', b'{"dat":[]}', b'{"data":"x"}', b'{"data":null}'])
def test_a_path_that_matches_nothing_is_an_error(records: Any, body: bytes) -> None:
    with pytest.raises(PageUnreadable) as caught:
        page(body, records)
    assert caught.value.reason == "no_data_array"


@pytest.mark.parametrize("shape", ["list", "map", "wrapped:node", "scalars", "columns:names"])
def test_null_is_empty_where_that_is_declared_and_nowhere_else(shape: str) -> None:
    end = ["no-next"]

    assert page(b'{"data":null}', {"path": "data", "shape": shape, "null": "empty"}, end=end).raw_events == []
    with pytest.raises(PageUnreadable):
        page(b'{"data":7}', {"path": "data", "shape": shape, "null": "empty"}, end=end)


def test_what_is_cut_is_no_shorter_page() -> None:
    bodies = {
        "map": b'{"data":{"a":{"n":1},"b":{"n":[2]}}}',
        "wrapped:node": b'{"data":[{"node":{"id":1}},{"node":{"id":2}}]}',
        "scalars": b'{"data":["a","b",3]}',
        "columns:n": b'{"n":["id"],"data":[[1],[2]]}',
    }
    for shape, body in bodies.items():
        for length in range(1, len(body)):
            with pytest.raises(PageUnreadable):
                page(body[:length], {"path": "data", "shape": shape})


def test_a_path_into_a_list_that_is_the_body_leads_to_nothing() -> None:
    found = page(
        b'[{"id":"a"},{"id":"b"}]', "@", total="meta.total", returned="[5]", request_id="a[0].b", end=["no-next"]
    )

    assert (found.total, found.request_id, found.has_more) == (None, None, False)
    assert found.parse().event_ids == ["a", "b"]


def test_a_dead_letter_is_read_again_as_what_it_was_and_no_piece_as_a_record() -> None:
    """A wrapper may look like a record."""
    by = reader(WRAPPED)
    _, rejected = read(b'{"data":[{"id":"wrapper"},{"node":{"id":1.5}},{"node":{"id":"a","x":"\\ud800"}}]}', by)

    again = by.parse([by.kept(one.raw, one.reason) for one in rejected])

    assert again.event_ids == []
    assert [(one.reason, one.raw) for one in again.rejected] == [(one.reason, one.raw) for one in rejected]
    # What PostgreSQL refused was a record.
    assert by.parse([by.kept(b'{"id":"a"}', "refused_by_postgresql_22003")]).event_ids == ["a"]
