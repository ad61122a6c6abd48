"""The compiled grammar takes exactly the events that PostgreSQL can store, and leaves all others."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records.grammar import MAX_DEPTH, Ungrammatical, unstorable_escape, walk
from tests.support.compiling import needs_compiled
from tests.support.scanning import split
from tests.unit.records.jsontexts import any_text, values, written
from tests.unit.records.pagetexts import body

pytestmark = needs_compiled

# A page with everything in it between which there may be space.
TOKENS = [
    *(b"{", b'"data"', b":", b"[", b"{", b'"id"', b":", b'"a"', b",", b'"x"', b":", b"[", b"1", b",", b"{", b"}", b"]"),
    *(b"}", b",", b"null", b"]", b",", b'"hasMore"', b":", b"false", b"}"),
]


def is_taken(event: bytes) -> bool:
    """As one event, by the compiled reading."""
    found = split(body(event))
    return found is not None and list(found[0]) == [event]


def is_storable(event: bytes) -> bool:
    """By the code in Python."""
    try:
        event.decode()
        walk(event)
    except (UnicodeDecodeError, Ungrammatical):
        return False
    return unstorable_escape(event) is None


def assert_alike(value: bytes) -> None:
    for event in (b'{"id":"a","x":' + value + b"}", b'{"id":' + value + b"}", b"[" + value + b"]"):
        assert is_taken(event) == is_storable(event), event
    # Without anything around it but the page's array, which takes the space from around an event.
    if value == value.strip(b" \t\n\r"):
        assert is_taken(value) == is_storable(value), value


@given(written(values(any_text)), st.binary(max_size=3), st.data())
def test_damaged_json_is_judged_alike(text: bytes, junk: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text)))
    assert_alike(text[:position] + junk + text[position + data.draw(st.integers(0, 3)) :])


@given(st.lists(st.sampled_from([*'{}[],:"\\ ue0-1.E+tn', "true", "null", '"a"', "\\u00e9", "12"]), max_size=10))
def test_short_texts_of_json_characters_are_judged_alike(tokens: list[str]) -> None:
    assert_alike("".join(tokens).encode())


@pytest.mark.parametrize("alphabet", [b"-01.eE+", b'[]{},:"', b'"\\u0 n'])
def test_every_text_of_few_characters_is_judged_alike(alphabet: bytes) -> None:
    for length in range(5):
        for characters in itertools.product(alphabet, repeat=length):
            assert_alike(bytes(characters))


@pytest.mark.parametrize("word", [b"true", b"false", b"null"])
def test_a_word_is_that_word_whole(word: bytes) -> None:
    assert is_taken(b'{"id":"a","x":' + word + b"}")
    for odd in (word[:-1], word + b"x", word.upper(), word[:1] + b"x" + word[2:], word + word):
        assert_alike(odd)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
@pytest.mark.parametrize("inner", [b"1", b"[]", b"{}", b'""'])
def test_the_depth_is_bounded_where_python_bounds_it(opening: bytes, closing: bytes, inner: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{")
    for times in range(MAX_DEPTH // levels - 3, MAX_DEPTH // levels + 3):
        assert_alike(opening * times + inner + closing * times)
    assert is_taken(b'{"id":"a","x":' + b"[" * 511 + b"]" * 511 + b"}")
    assert not is_taken(b'{"id":"a","x":' + b"[" * 512 + b"]" * 512 + b"}")


def test_events_side_by_side_do_not_add_to_each_others_depth() -> None:
    deep = b'{"id":"a","x":' + b"[" * 511 + b"]" * 511 + b',"y":' + b"[" * 511 + b"]" * 511 + b"}"
    found = split(body(b",".join([deep] * 3)))
    assert found is not None
    assert list(found[0]) == [deep] * 3


def test_every_escape_of_a_code_unit_is_judged_alike() -> None:
    storable = [unit for unit in range(0x10000) if is_taken(b'"\\u%04x"' % unit)]
    assert storable == [*range(1, 0xD800), *range(0xE000, 0x10000)]
    assert [unit for unit in range(0x10000) if is_taken(b'"\\u%04X"' % unit)] == storable


def test_pairs_of_escapes_are_judged_alike() -> None:
    units = [0, 0x41, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000]
    for first, second in itertools.product(units, repeat=2):
        for between in (b"", b"x", b" ", b"\\n", b"\\\\"):
            assert_alike(b'"\\u%04x' % first + between + b'\\u%04x"' % second)
    for cut in range(12):
        assert_alike(b'"' + b"\\ud83d\\ude00"[:cut] + b'"')
    for place, instead in itertools.product(range(12), (b"g", b"G", b":", b"/", b"@", b"`", b"\xc1")):
        assert_alike(b'"' + b"\\ud83d\\ude00"[:place] + instead + b"\\ud83d\\ude00"[place + 1 :] + b'"')


def test_every_character_after_a_backslash_is_judged_alike() -> None:
    for byte in range(256):
        assert_alike(b'"\\' + bytes([byte]) + b'"')


def test_every_byte_at_every_place_of_a_string_is_judged_alike() -> None:
    # Bytes are looked at many at once, and the last ones by themselves.
    for place in range(40):
        for byte in (0x00, 0x1F, 0x20, 0x21, 0x22, 0x5C, 0x7F, 0x80, 0xC3, 0xFF):
            for after in (0, 1, 20):
                assert_alike(b'"' + b"x" * place + bytes([byte]) + b"x" * after + b'"')


def test_utf_8_is_taken_where_python_takes_it() -> None:
    seconds = [0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    others = [0x7F, 0x80, 0xBF, 0xC0]
    tails = [b"", *(bytes(tail) for length in range(3) for tail in itertools.product(seconds, *[others] * length))]
    for lead in range(0x80, 0x100):
        for tail in tails:
            character = bytes([lead]) + tail
            if b'"' in tail:
                continue
            try:
                character.decode()
            except UnicodeDecodeError:
                assert not is_taken(b'"' + character + b'"'), character
            else:
                assert is_taken(b'"' + character + b'"'), character
            assert not is_taken(b'"' + character)
    for border in "\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff":
        assert is_taken(f'{{"id":"a","{border}":"{border * 20}"}}'.encode())


@pytest.mark.parametrize("space", [b" ", b"\t", b"\n", b"\r", b" \t\n\r" * 9])
def test_space_may_be_wherever_json_lets_it_be(space: bytes) -> None:
    for place in range(len(TOKENS) + 1):
        found = split(b"".join([*TOKENS[:place], space, *TOKENS[place:]]))
        assert found is not None
        assert found[0].columns() == (["a", None], [None, None], 1)
    assert split(space + space.join(TOKENS) + space) is not None


@pytest.mark.parametrize(
    "odd", [b"\x0b", b"\x0c", b"\0", b"\x1f", b"\xa0", b"\xc2\xa0", b"\xef\xbb\xbf", b"/**/", b"\x7f"]
)
def test_nothing_else_is_space(odd: bytes) -> None:
    for place in range(len(TOKENS) + 1):
        assert split(b"".join([*TOKENS[:place], odd, *TOKENS[place:]])) is None
