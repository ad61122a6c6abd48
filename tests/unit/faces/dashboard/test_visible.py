import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.faces.dashboard.visible import line, segments


def shown(raw: bytes) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in segments(raw)]


def test_plain_text_stays_one_piece() -> None:
    assert shown('{"id":"ä-日本"} '.encode()) == [("text", '{"id":"ä-日本"} ')]


def test_markup_is_text_like_any_other() -> None:
    assert shown(b"<script>alert(1)</script>") == [("text", "<script>alert(1)</script>")]


@pytest.mark.parametrize(
    ("char", "name"),
    [
        ("\n", "LF"),
        ("\r", "CR"),
        ("\t", "TAB"),
        ("\0", "NUL"),
        ("\x1b", "ESC"),
        ("\x7f", "DEL"),
        ("\x85", "U+0085"),
        ("\u00ad", "U+00AD"),
        ("\u200b", "U+200B"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u2028", "U+2028"),
        ("\u3164", "U+3164"),
        ("\ufeff", "U+FEFF"),
        ("\ufdd0", "U+FDD0"),
        ("\ue000", "U+E000"),
        ("\U000e0041", "U+E0041"),
    ],
)
def test_what_does_not_show_itself_is_named(char: str, name: str) -> None:
    assert shown(f"a{char}b".encode()) == [("text", "a"), ("mark", name), ("text", "b")]


def test_bytes_that_are_no_utf8_are_named_each() -> None:
    assert shown(b"Caf\xe9 \xff") == [("text", "Caf"), ("mark", "0xE9"), ("text", " "), ("mark", "0xFF")]


def test_an_encoded_half_character_is_no_utf8() -> None:
    assert shown(b"\xed\xa0\x80") == [("mark", "0xED"), ("mark", "0xA0"), ("mark", "0x80")]


def test_a_tower_of_accents_is_cut_down_to_marks() -> None:
    found = segments(("a" + "\u0301" * 50).encode())
    assert found[0].text == "a" + "\u0301" * 4
    assert {part.text for part in found[1:]} == {"U+0301"}


def test_a_text_cannot_imitate_a_mark() -> None:
    assert shown("⟨U+202E⟩".encode()) == [("text", "⟨U+202E⟩")]


@given(st.binary(max_size=300))
def test_nothing_unseen_is_left_in_any_text(raw: bytes) -> None:
    for part in segments(raw):
        categories = {unicodedata.category(char) for char in part.text}
        assert not categories & {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
        part.text.encode()


@given(st.text(alphabet=st.characters(exclude_categories=["C", "M", "Z"]), max_size=100))
def test_letters_are_never_lost(text: str) -> None:
    assert "".join(part.text for part in segments(text.encode()) if part.kind == "text") + "" in {
        text,
        "".join(char for char in text if char not in "\u115f\u1160\u3164\uffa0\u2800\u034f"),
    }


def test_a_line_has_no_line_break_and_an_end() -> None:
    assert line(None) is None
    assert line("one\ntwo\u202e") == "one⟨LF⟩two⟨U+202E⟩"
    assert line("abcdef", 3) == "abc…"
    assert line("half \ud800") == "half ⟨0xED⟩⟨0xA0⟩⟨0x80⟩"
