"""Which pages the compiled reading takes whole, and that it holds on to nothing but their bytes."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from typing import Any

import psutil
import pytest

from tests.support.compiling import needs_compiled
from tests.support.scanning import split
from tests.unit.records.agreement import assert_agrees
from tests.unit.records.pagetexts import LIVE, body

pytestmark = needs_compiled

MANY = body(b",".join(b'{"id":"%06d","timestamp":1769541612369}' % number for number in range(50_000)))


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (LIVE, [b'{"id":"a"}', b'{"id":"b"}']),
        (b'{"data":[],"hasMore":false}', []),
        (b'{"hasMore":false,"data":[]}', []),
        (b'{"events":[{}],"hasMore":false}', [b"{}"]),
        (b' { "data" : [ { "id" : "a" } , [ 1 ] ] } ', [b'{ "id" : "a" }', b"[ 1 ]"]),
        (b'{"data":[1,-2.5e3,"x",null,true,[],{}]}', [b"1", b"-2.5e3", b'"x"', b"null", b"true", b"[]", b"{}"]),
        (b'{"note":{"data":[1]},"data":[2]}', [b"2"]),
        (b'{"Data":[1],"data ":[1],"dat":[1],"event":[1],"events_":[1],"data":[2]}', [b"2"]),
        (b'{"hasMore":true,"hasMore":false,"data":[1]}', [b"1"]),
        (b'{"note":"]}","data":["]},{"]}', [b'"]},{"']),
    ],
)
def test_a_plain_page_is_taken(text: bytes, events: list[bytes]) -> None:
    assert_agrees(text)
    found = split(text)
    assert found is not None
    assert list(found[0]) == events


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b" ",
            b"null",
            b"[]",
            b'"data"',
            b"7",
            b"{",
            b"{}",
            b'{"hasMore":false}',
            b'{"data":null}',
            b'{"data":{}}',
        ),
        *(
            b'{"data":[],"data":[]}',
            b'{"data":[],"events":[]}',
            b'{"events":[1],"data":[2]}',
            b'{"data":[1],"data":null}',
        ),
        *(b'{"data":null,"events":[1]}', b'{"data":[1],"events":null}', b'{"data":[1],"events":{}}', b'{"data":"x"}'),
        *(
            b'{"d\\u0061ta":[]}',
            b'{"data":[1],"d\\u0061ta":[2]}',
            b'{"data":[1],"event\\u0073":[2]}',
            b'{"\\n":1,"data":[]}',
        ),
        *(
            b'{"data":[1,]}',
            b'{"data":[,1]}',
            b'{"data":[1 2]}',
            b'{"data":[1],}',
            b'{,"data":[1]}',
            b'{"data":[1]"a":1}',
        ),
        *(b'{"data":[1]}x', b'{"data":[1]}{}', b'{"data":[1]}]', b'{"data":[1]},', b'{"data":[1]}\0', b'{"data":[1]]}'),
        *(
            b'{"data":[1}',
            b'{"data":[{]}',
            b'{"data" [1]}',
            b'{"data":}',
            b'{"data"}',
            b"{data:[]}",
            b'{"data":[1],"a"}',
        ),
        *(
            b'\xef\xbb\xbf{"data":[1]}',
            b'{"data":[1],"a":"\xff"}',
            b'{"data":[1],"a":"\\ud800"}',
            b'{"data":[1],"a":"\\u0000"}',
        ),
        *(b'{"data":[{"id":"a",}]}', b'{"data":[{,"id":"a"}]}', b'{"data":[{"id":"a" "b":1}]}', b'{"data":[{"id"}]}'),
        *(b'{"data":[{"id":"a","x":[1,]}]}', b'{"data":[{"id":"a","x":{"y":1,}}]}', b'{"data":[{"id":"a","x":[1}]}]}'),
        *(b'{"data":[{"id":"a","x":01}]}', b'{"data":[{"id":"a","x":nul}]}', b'{"data":[{id:"a"}]}', b"{'data':[]}"),
    ],
)
def test_a_page_that_is_not_plain_is_left_to_python(text: bytes) -> None:
    assert_agrees(text)
    assert split(text) is None


@pytest.mark.parametrize("text", [LIVE, body(b' {"id":"a\xc3\xa9\\n","x":[1.5e3,{"a":null}]} , "x\\u00e9",-1')])
def test_no_proper_prefix_of_a_page_is_taken(text: bytes) -> None:
    assert split(text) is not None
    for length in range(len(text)):
        assert split(text[:length]) is None


def test_what_is_no_bytes_is_an_error() -> None:
    odd: Any
    for odd in ("{}", bytearray(LIVE), memoryview(LIVE), None, 7):
        with pytest.raises(TypeError, match="a page must be bytes"):
            split(odd)


def test_events_are_a_sequence_of_their_bytes() -> None:
    found = split(LIVE)
    assert found is not None
    events = found[0]
    assert (len(events), events[0], events[1], events[-1], events[-2]) == (
        *(2, b'{"id":"a"}', b'{"id":"b"}', b'{"id":"b"}', b'{"id":"a"}'),
    )
    for place in (2, -3, sys.maxsize, -sys.maxsize - 1):
        with pytest.raises(IndexError):
            events[place]
    assert b'{"id":"b"}' in events


def test_no_one_can_make_events_of_no_page() -> None:
    found = split(LIVE)
    assert found is not None
    kind: Any = type(found[0])
    for make in (kind, lambda: object.__new__(kind), lambda: copy.copy(found[0]), lambda: pickle.dumps(found[0])):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(TypeError):
        type("Heir", (kind,), {})


def test_events_outlive_who_had_the_page() -> None:
    text = bytes(bytearray(LIVE))
    found = split(text)
    assert found is not None
    before = sys.getrefcount(text)
    events = found[0]
    del found, text
    gc.collect()
    assert events.columns()[0] == ["a", "b"]
    assert before > 2


def test_a_page_that_was_taken_or_left_is_let_go() -> None:
    left = body(b'{"id":"a"},{"id":"\\u0000"}')
    taken = body(b'{"id":"a"},{"id":null}')
    found = split(taken)
    assert found is not None
    held: list[object] = [left, taken, type(found[0])]
    found = None
    before = list(map(sys.getrefcount, held))
    for _ in range(100):
        assert split(left) is None
        found = split(taken)
        assert found is not None
        assert found[0].columns() == (["a", None], [None, None], 1)
        assert list(found[0])
    found = None
    assert list(map(sys.getrefcount, held)) == before


@pytest.mark.parametrize("ending", [b"", b"x"])
def test_a_crawl_of_any_length_needs_no_more_memory(ending: bytes) -> None:
    # Taken, or left at its very end. One of them has more than a megabyte of slices.
    text = MANY + ending
    assert (split(text) is None) == bool(ending)
    before = psutil.Process().memory_info().rss
    for _ in range(100):
        found = split(text)
        if found is not None:
            found[0].columns()
    assert psutil.Process().memory_info().rss - before < 60_000_000
