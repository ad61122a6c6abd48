"""The iterative grammar against another implementation."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datasync_spider.records.grammar import MAX_DEPTH, Ungrammatical, unstorable_escape, walk, walk_list
from tests.unit.records.jsontexts import any_text, objects, read_strictly, values, written


def is_grammatical(text: bytes) -> bool:
    try:
        walk(text)
    except Ungrammatical:
        return False
    return True


def python_takes(text: bytes) -> bool:
    try:
        read_strictly(text)
    except ValueError:
        return False
    return True


@given(written(values(any_text)))
def test_everything_that_json_allows_is_grammatical(text: bytes) -> None:
    assert is_grammatical(text)


@given(written(values(any_text)), st.text(max_size=3), st.data())
@example(b"1", "", None)
def test_damaged_json_is_judged_as_by_another_parser(text: bytes, junk: str, data: st.DataObject | None) -> None:
    if data is not None:
        position = data.draw(st.integers(0, len(text)))
        text = text[:position] + junk.encode() + text[position + data.draw(st.integers(0, 3)) :]
    try:
        text.decode()
    except UnicodeDecodeError:
        return
    assert is_grammatical(text) == python_takes(text)


@given(st.lists(st.sampled_from([*'{}[],:"\\ ue0-1.E+tn', "true", "null", '"a"', "\\u00e9", "12"]), max_size=10))
def test_short_texts_of_json_characters_are_judged_as_by_another_parser(tokens: list[str]) -> None:
    text = "".join(tokens).encode()
    assert is_grammatical(text) == python_takes(text)


@given(written(objects(any_text)))
def test_the_members_of_an_object_are_found_where_they_stand(text: bytes) -> None:
    found = [(read_strictly(key), read_strictly(value)) for key, value in walk(text).items()]
    assert dict(found) == read_strictly(text)


def test_of_equal_keys_the_last_counts_and_keeps_its_place() -> None:
    assert list(walk(b'{"a":1,"b":{"a":2},"a":[3]}').items()) == [(b'"b"', b'{"a":2}'), (b'"a"', b"[3]")]


@given(written(st.lists(values(any_text))))
def test_the_elements_of_a_list_are_found_where_they_stand(text: bytes) -> None:
    assert list(map(read_strictly, walk_list(text))) == read_strictly(text)


@pytest.mark.parametrize("text", [b'{"a":[1]}', b'"a"', b"null", b"[]", b"[ ]"])
def test_other_values_have_no_elements(text: bytes) -> None:
    assert walk_list(text) == []


@pytest.mark.parametrize("text", [b"[1,2]", b'"a"', b"null", b"{}", b"[[{}]]"])
def test_other_values_have_no_members(text: bytes) -> None:
    assert walk(text) == {}


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_depth_is_bounded_exactly(opening: bytes, closing: bytes) -> None:
    walk(opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH)
    with pytest.raises(Ungrammatical) as caught:
        walk(opening * (MAX_DEPTH + 1) + b"1" + closing * (MAX_DEPTH + 1))
    assert caught.value.reason == "too_deep"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (rb'"\u0000"', "nul_character"),
        (rb'{"\u0000":1}', "nul_character"),
        (rb'"\\u0000"', None),
        (rb'"\\\u0000"', "nul_character"),
        (rb'"\\\\u0000"', None),
        (rb'"\u00000"', "nul_character"),
        (rb'"\u0001"', None),
        (rb'"\ud83d\ude00"', None),
        (rb'"\uD83D\uDE00\ud83d\ude00"', None),
        (rb'"\ud83d"', "lone_surrogate"),
        (rb'"\ud83d \ude00"', "lone_surrogate"),
        (rb'"\ude00\ud83d"', "lone_surrogate"),
        (rb'"\ud83d\ud83d\ude00"', "lone_surrogate"),
        (rb'["\ud83d","\ude00"]', "lone_surrogate"),
        (rb'"\ud83d\u0041"', "lone_surrogate"),
        (rb'"\ud83d\n"', "lone_surrogate"),
        (rb'"\\ud83d"', None),
    ],
)
def test_an_escape_that_no_text_can_hold_is_found_and_no_other(text: bytes, fault: str | None) -> None:
    assert unstorable_escape(text) == fault


@given(any_text)
def test_what_another_parser_decodes_to_decides_whether_an_escape_is_unstorable(text: str) -> None:
    written_out = '"' + "".join(f"\\u{ord(unit):04x}" for unit in text if ord(unit) < 0x10000) + '"'
    decoded = read_strictly(written_out.encode())
    is_bad = "\0" in decoded or any(0xD800 <= ord(unit) < 0xE000 for unit in decoded)
    assert (unstorable_escape(written_out.encode()) is not None) == is_bad
