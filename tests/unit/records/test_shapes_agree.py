"""Pages of every shape, damaged and not, against what the standard library makes of the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.pieces import Unmade
from tests.unit.records.readeroracle import MISSING, Fraction, Integer, Pairs
from tests.unit.records.shapedreaders import lines, reader

# As they are written; each is a value by itself.
SCALARS = [
    b"1.10",
    b"-0",
    b"1E+2",
    b"7",
    b'"a"',
    b'"\\u0061"',
    b'"\xc3\xa9"',
    b"true",
    b"null",
    b"1180591620717411303424",
]
KEYS = [b'"id"', b'"key"', b'"node"', b'"\\u006bey"', b'"x"', b'"a b"']
NAMES = ["id", "at", "a b"]

scalars = st.sampled_from(SCALARS)
space = st.sampled_from([b"", b"", b"", b" ", b"\n\t"])


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[bytes]) -> bytes:
    members = draw(st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=4))
    inside = (draw(space) + b",").join(draw(space) + key + draw(space) + b":" + value for key, value in members)
    return b"{" + inside + draw(space) + b"}"


@st.composite
def lists(draw: st.DrawFn, values: st.SearchStrategy[bytes], size: int = 4) -> bytes:
    return b"[" + (draw(space) + b",").join(draw(st.lists(values, max_size=size))) + draw(space) + b"]"


values = st.recursive(scalars, lambda inner: objects(inner) | lists(inner), max_leaves=6)
pages = objects(values) | lists(values) | values


def read(text: bytes) -> Any:
    """Objects with all of their members, numbers as they are written. Raises ValueError."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(
        text.decode(), object_pairs_hook=Pairs, parse_constant=refuse, parse_int=Integer, parse_float=Fraction
    )


def last(value: Any, name: str) -> Any:
    """Of equal keys the last counts."""
    return dict(value).get(name, MISSING) if isinstance(value, Pairs) else MISSING


def mapped(body: Any) -> Iterator[Any] | None:
    if body == [] and not isinstance(body, Pairs):
        return iter([])
    if not isinstance(body, Pairs):
        return None
    return (
        Pairs([("key", key), *value]) if isinstance(value, Pairs) and last(value, "key") is MISSING else MISSING
        for key, value in body
    )


def wrapped(body: Any) -> Iterator[Any] | None:
    if not isinstance(body, list) or isinstance(body, Pairs):
        return None
    inner = (last(last(value, "node"), "x") for value in body)
    return (MISSING if value is None else value for value in inner)


def bare(body: Any) -> Iterator[Any] | None:
    if not isinstance(body, list) or isinstance(body, Pairs):
        return None
    return (Pairs([("value", value)]) if isinstance(value, str) else MISSING for value in body)


def rowed(body: Any) -> Iterator[Any] | None:
    if not isinstance(body, list) or isinstance(body, Pairs):
        return None
    return (
        Pairs(zip(NAMES, value, strict=True))
        if isinstance(value, list) and not isinstance(value, Pairs) and len(value) == len(NAMES)
        else MISSING
        for value in body
    )


ORACLES: dict[str, Callable[[Any], Iterator[Any] | None]] = {
    "map": mapped,
    "wrapped:node.x": wrapped,
    "scalars": bare,
    "columns:names": rowed,
}
READERS = {shape: reader({"path": "data", "shape": shape}) for shape in ORACLES}
BODY = b'{"names":%b,"data":%%b}' % json.dumps(NAMES).encode()


def made(shape: str, text: bytes) -> list[Any] | None:
    """What the reader makes of the records: each as the standard library reads it, MISSING where it is no record."""
    records, rest = READERS[shape].split(BODY % text)
    if records is None:
        return None
    assert read(rest) == [("names", NAMES), ("data", [])]
    assert isinstance(records, list)
    for piece in records:
        if not isinstance(piece, Unmade):
            # A record by itself is what it is among others.
            alone = READERS[shape].parse([piece])
            assert len(alone.event_ids) + len(alone.rejected) == 1
    return [MISSING if isinstance(piece, Unmade) else read(bytes(piece)) for piece in records]


@pytest.mark.parametrize("shape", ORACLES)
@given(pages)
def test_each_piece_is_the_record_that_it_should_be_or_none(shape: str, text: bytes) -> None:
    expected = ORACLES[shape](read(text))
    assert made(shape, text) == (None if expected is None else list(expected))


@pytest.mark.parametrize("shape", ORACLES)
@given(st.data())
def test_damage_makes_no_shorter_page_and_no_error_of_another_kind(shape: str, data: st.DataObject) -> None:
    text = data.draw(pages)
    place = data.draw(st.integers(0, len(text)))
    damage = data.draw(st.sampled_from([b"", b"]", b"}", b'"', b",", b"\\", b"\xff", b"01", b"{", b"["]))
    body = BODY % (text[:place] + damage + text[place + 1 :])
    try:
        records, rest = READERS[shape].split(body)
    except PageUnreadable:
        return
    parsed = READERS[shape].parse(records or [])
    assert len(parsed.event_ids) + len(parsed.rejected) == len(records or [])
    if not is_json(body):
        # What is wrong with it is still there.
        assert parsed.rejected or not is_json(rest)


def is_json(text: bytes) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


@given(st.lists(values, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n"]), st.booleans())
def test_lines_are_the_values_that_they_are(texts: list[bytes], newline: bytes, is_ended: bool) -> None:
    flat = [text.replace(b"\n", b" ") for text in texts]
    records, rest = lines().split(newline.join(flat) + newline * is_ended)

    assert (list(map(bytes, records or [])), rest) == ([text.strip() for text in flat], b"{}")


@given(st.lists(st.binary(max_size=12), max_size=4))
def test_lines_of_whatever_bytes_are_each_a_record_or_a_dead_letter(texts: list[bytes]) -> None:
    body = b"\n".join(texts)
    try:
        records, _ = lines().split(body)
    except PageUnreadable:
        return
    parsed = lines().parse(records or [])
    alone = [lines().parse([piece]) for piece in records or []]
    assert parsed.event_ids == [one for each in alone for one in each.event_ids]
    assert Counter(one.reason for one in parsed.rejected) == Counter(r.reason for each in alone for r in each.rejected)
    assert len(records or []) == len([line for line in body.split(b"\n") if line.strip()])
