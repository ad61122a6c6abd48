"""Where the records of a page stand: any path, a body that is a list, several places; and what is left without them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.records.recovery import list_at_once, list_by_elements
from tests.support.sources import paths
from tests.unit.records.jsontexts import any_text, values, written

each_way = pytest.mark.usefixtures("each_way")


def split(places: tuple[str, ...], body: bytes) -> tuple[list[bytes] | None, bytes]:
    records, rest = RecordReader(paths(*places), paths("id"), ()).split(body)
    return None if records is None else list(map(bytes, records)), rest


@each_way
@pytest.mark.parametrize(
    ("places", "body", "records", "rest"),
    [
        (("@",), b'[{"id":1}, 2 ]', [b'{"id":1}', b"2"], b"[]"),
        (("@",), b" [\n] ", [], b" [] "),
        (("a.b",), b'{"a":{"b":[1],"c":[2]}}', [b"1"], b'{"a":{"b":[],"c":[2]}}'),
        (("a.b",), b'{"c":{"b":[1]},"b":[2],"a":{"x":{"b":[3]},"b":[4]}}', [b"4"], None),
        (('"a.b"."@c"',), b'{"a.b":{"@c":[1]},"a":{"b":[2]}}', [b"1"], None),
        (("a.b",), b'{"\\u0061":{"\\u0062":[1]}}', [b"1"], b'{"\\u0061":{"\\u0062":[]}}'),
        (("a.b",), b'{"a":{"b":[1]},"a":{"b":[2]}}', [b"2"], b'{"a":{"b":[1]},"a":{"b":[]}}'),
        (("a.b",), b'{"a":{"b":[1],"b":[2,3]}}', [b"2", b"3"], b'{"a":{"b":[1],"b":[]}}'),
        (("a.b",), b'{"a":{"b":[1]},"a":{}}', None, None),
        (("a.b",), b'{"a":{"b":[1]},"a":7}', None, None),
        (("a.b",), b'{"a":{"b":[1],"b":null}}', None, None),
        (("a.b",), b'{"a":[{"b":[1]}]}', None, None),
        (("a.b", "a"), b'{"a":[1]}', [b"1"], b'{"a":[]}'),
        (("a", "a.b"), b'{"a":{"b":[1]}}', [b"1"], b'{"a":{"b":[]}}'),
        (("a", "b"), b'{"b":[1],"a":[2]}', [b"2"], b'{"b":[1],"a":[]}'),
        (("a", "b"), b'{"b":[1],"a":[]}', [b"1"], b'{"b":[],"a":[]}'),
        (("a", "b"), b'{"b":[],"a":[]}', [], None),
        (("b", "a"), b'{"b":null,"a":[]}', [], b'{"b":null,"a":[]}'),
        (("@", "a"), b'{"a":[1]}', [b"1"], b'{"a":[]}'),
        (("@", "a"), b"[1]", [b"1"], b"[]"),
        (("[1]",), b'[{"n":[7]},[1,2]]', [b"1", b"2"], b'[{"n":[7]},[]]'),
        (("[-1]",), b'[[7],{"n":1},[1,2]]', [b"1", b"2"], b'[[7],{"n":1},[]]'),
        (("[1].a[-2]",), b'[[],{"a":[[0],[1],[2]]},[]]', [b"1"], b'[[],{"a":[[0],[],[2]]},[]]'),
        (("[-1].a", "[0].a"), b'[{"a":[1]}]', [b"1"], b'[{"a":[]}]'),
        (("[-1].b", "[0].a"), b'[{"a":[1],"b":[2]}]', [b"2"], b'[{"a":[1],"b":[]}]'),
        (("[2]", "[-3]"), b"[[1],[2]]", None, None),
        (("[0]", "@"), b"[[1],[2]]", [b"1"], b"[[],[2]]"),
        (("[0]", "@"), b"[[],[2]]", [b"[]", b"[2]"], b"[]"),
        (("@",), b'{"data":[1]}', None, None),
        (("@",), b"7", None, None),
        (("[0]",), b'{"data":[1]}', None, None),
        (("[0]",), b"[]", None, None),
        (("a",), b'{"a":["]}","\\"]",{"a":[9]},[]] ,"b":"]"}', [b'"]}"', b'"\\"]"', b'{"a":[9]}', b"[]"], None),
    ],
)
def test_the_records_are_those_of_the_first_place_that_holds_some(
    places: tuple[str, ...], body: bytes, records: list[bytes] | None, rest: bytes | None
) -> None:
    found, left = split(places, body)
    assert found == records
    if records is None:
        assert left == body
    elif rest is not None:
        assert left == rest


@each_way
@pytest.mark.parametrize(
    ("places", "body", "reason"),
    [
        (("@",), b"", "empty_body"),
        (("@",), b" \n", "empty_body"),
        (("@",), b"[1", "truncated_json"),
        (("@",), b"[1,", "truncated_json"),
        (("@",), b'[{"id":"a', "truncated_json"),
        (("@",), b'{"a":[1]', "truncated_json"),
        (("@",), b"[1 2]", "not_json"),
        (("@",), b'[{"a":[}]', "not_json"),
        (("@",), b"]", "not_json"),
        (("[1]",), b"[1,[2]", "truncated_json"),
        (("[-1]",), b"[1,[2]", "truncated_json"),
        (("[0]",), b"[[2}]", "not_json"),
        (("a.b",), b'{"a":{"b":[1]}', "truncated_json"),
        (("a.b",), b'{"a":{"b":[1]', "truncated_json"),
        (("a.b",), b'{"a":{"b":[1],', "truncated_json"),
        (("a.b",), b'{"a":{"b":[1]]}', "not_json"),
        (("a.b",), b'{"a":{"b":[1} ,"c":[2]}}', "not_json"),
        (("a.b",), b'[{"a":{"b":[1]}}]', "not_an_object"),
        (("a.b", "c"), b"null", "not_an_object"),
        (("a.b", "c"), b"<html>", "not_json"),
    ],
)
def test_a_body_that_is_not_whole_is_no_shorter_page(places: tuple[str, ...], body: bytes, reason: str) -> None:
    with pytest.raises(PageUnreadable) as caught:
        split(places, body)
    assert caught.value.reason == reason


@each_way
@pytest.mark.parametrize("odd", [b'{"id":"\\ud800"}', b"[" * 100_000 + b"]" * 100_000, b"nul", b'"\x01"', b'{"id":1,}'])
@pytest.mark.parametrize(
    ("places", "before", "after"), [(("@",), b"[", b"]"), (("[1].a",), b'[7,{"a":[', b'],"b":[]}]')]
)
def test_a_record_that_the_decoder_cannot_take_costs_no_other(
    places: tuple[str, ...], before: bytes, after: bytes, odd: bytes
) -> None:
    records, rest = split(places, before + b'{"id":1},' + odd + b',{"id":2}' + after)
    assert records == [b'{"id":1}', odd, b'{"id":2}']
    assert rest == before + after


@given(st.lists(written(values(any_text)), max_size=4), written(values(any_text)), st.binary(max_size=3), st.data())
def test_a_list_that_is_taken_at_once_is_the_one_that_is_found_element_by_element(
    elements: list[bytes], after: bytes, junk: bytes, data: st.DataObject
) -> None:
    text = b'{"a":[' + b" ,".join(elements) + b'],"b":' + after + b"}"
    position = data.draw(st.integers(6, len(text)))
    text = text[:position] + junk + text[position:]
    found = list_at_once(text, 5)
    if found is not None:
        expected, *place = list_by_elements(text, 5)
        assert (list(map(bytes, found[0])), [*found[1:]]) == (list(map(bytes, expected)), place)


@pytest.mark.parametrize("after", [b"}", b',"b":[]}', b',"b":"]","c":[1,[2]]}', b"]]]", b"  ,[3]]", b" ", b"\n]"])
def test_a_list_is_taken_at_once_wherever_in_its_body_it_stands(after: bytes) -> None:
    for elements in (b"", b"1, 2", b'{"id":"]"},[[]]'):
        text = b'{"a":[' + elements + b"]" + after
        found = list_at_once(text, 5)
        assert found is not None
        assert text[found[1] : found[2]] == b"[" + elements + b"]"


@each_way
def test_pages_of_megabytes_are_split_in_time_wherever_their_records_stand() -> None:
    record = b'{"id":"a","more":{"x":[1,{"y":"]}"}]}}'
    many = b"[" + b",".join([record] * 50_000) + b"]"
    before = time.monotonic()
    for places, body in (
        (("@",), many),
        (("a.b.c",), b'{"x":[],"a":{"b":{"c":' + many + b'},"y":[]}}'),
        (("[1]", "[0]"), b'[{"n":1},' + many + b"]"),
        (("[-1]",), b'[{"n":1},' + many + b"]"),
        (("a",), b'{"b":' + many + b',"a":[1]}'),
    ):
        records, _ = split(places, body)
        assert records is not None
        assert len(records) in {1, 50_000}
    assert time.monotonic() - before < 60
