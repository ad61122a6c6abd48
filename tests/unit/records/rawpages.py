"""Pages as bytes that no JSON library would write: odd spellings, doubled names, space anywhere; and damage to them.

Whoever builds picks: hypothesis, which can shrink what fails, or a seeded generator, which is a hundred times as fast.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies as st

_T = TypeVar("_T")


class Pick(Protocol):
    def __call__(self, options: Sequence[_T], /) -> _T: ...


_SPACES = [b"", b"", b"", b" ", b"\n", b"\t", b"\r\n  "]
_ID_KEYS = [b'"id"', b'"id"', b'"eventId"', b'"event_id"']
_TIME_KEYS = [b'"timestamp"', b'"timestamp"', b'"occurredAt"', b'"occurred_at"']
_OTHER_KEYS = [b'"a"', b'""', b'"type"', '"é"'.encode(), b'"data"', b'"Id"', b'"id "', b'"timestamps"', b'"a"']
_ODD_KEYS = [b'"\\u0069d"', b'"event\\u0049d"', b'"time\\u0073tamp"', b'"nam\\n"', b'"\\ud83d\\ude00"', b'"i\xc3d"']
IDS = [
    *(b'"a"', b'"56a349b5-0000-4000-8000-000000000000"', b"7", b"0", b"123456789012345678", b"null"),
    *('"aé☃"'.encode(), b'"' + b"x" * 1000 + b'"'),
]
ODD_IDS = [
    *(b"-0", b"-7", b"1234567890123456789", b"1.5", b"1e3", b"true", b"{}", b'["a"]', b'""', b'" a"', b'"\x7f"'),
    *('"é"'.encode(), '"\u200b"'.encode(), b'"a\\u0041"', b'"a\\\\"', b'"\\""', b'"' + b"x" * 1001 + b'"'),
    *(b'"a\\u0000"', b'"a\\ud800"'),
]
TIMES = [
    *(b"1769541612369", b"1769541612", b"1769541612369123", b"176954161236912399", b"100000000", b"null"),
    *(b'"2026-01-27T19:20:12.369Z"', b'"2026-01-27T19:20:12Z"', b'"2024-02-29T23:59:59.123456789+05:30"'),
    *(b'"0001-01-01T00:00:00-00:01"', b'"9999-12-31T23:59:59.999999+00:01"'),
]
ODD_TIMES = [
    *(
        b"1769541612369123999",
        b"99999999",
        b"1769541612.5",
        b"1e9",
        b"-1",
        b"false",
        b"[]",
        b'{"a":1}',
        b'"1769541612"',
    ),
    *(b'"0001-01-01T00:00:00+00:01"', b'"9999-12-31T23:59:59.999999-00:01"', b'"2023-02-29T00:00:00Z"', b'"soon"'),
    *(
        b'"2026-01-27T19:20:60Z"',
        b'"2026-01-27t19:20:12z"',
        b'" 2026-01-27T19:20:12Z"',
        b'"2026-01-27T19:20:12\\u005a"',
    ),
    '"2026-01-27T19:20:12Ž"'.encode(),
]
_OTHERS = [
    *(b"1", b"-0.5e-3", b"1e400000", b"true", b"false", b"null", b'"x"', b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', b"[]"),
    *(
        b"{}",
        b'[1,"]}",{"id":"inner"}]',
        b'{"timestamp":1769541612,"b":[[],{}]}',
        '"é☃😀"'.encode(),
        b'"\\ud83d\\ude00"',
    ),
    *(b'"' + b"x" * 40 + b'"', b'"' + b"y" * 15 + b"\\n" + b"y" * 31 + b'"'),
]
ODD_OTHERS = [
    *(b'"\\ud83d"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\x01"', b"01", b"nul", b"+1", b"1.", b"[1 2]"),
    b"[" * 520 + b"]" * 520,
]
# About one in ten is odd, so that most pages are taken whole and most events of these known.
_MEMBERS = [
    *[(_ID_KEYS, IDS), (_ID_KEYS, IDS), (_TIME_KEYS, TIMES), (_OTHER_KEYS, _OTHERS)] * 7,
    *[(_ID_KEYS, ODD_IDS), (_TIME_KEYS, ODD_TIMES), (_ODD_KEYS, IDS)],
]
_RARELY = [False] * 24 + [True]
_ENVELOPES = [
    b'"hasMore":true,"nextCursor":"c"',
    b'"pagination":{"hasMore":false,"nextCursor":null},"meta":{"total":3,"requestId":"r"}',
    b'"has_more" : true ,"next_cursor":"c","note":{"data":[1],"a":[{"b":"]}"}]}',
    b'"hasMore":false,"meta":{"returned":2}',
    b'"hasMore":false,"hasMore":true,"nextCursor":7',
    b'"hasMore":false,"events":null',
    b'"hasMore":false,"events":[1]',
    b'"d\\u0061ta":[],"hasMore":false',
    b'"limit":10',
    b'"hasMore":false,"error":null,"success":true,"status":"ok","code":0,"total":1e400',
    b'"hasMore":false,"meta":{"total":3e1,"errors":[],"returned":"2.0"}',
    b'"hasMore":"false","nextCursor":false,"total":-0.0',
    b'"hasMore":false,"error":{"code":"BOOM"}',
    b'"pagination":{"hasMore":1,"nextCursor":7,"success":false}',
    b'"code":"BOOM","message":"later","hasMore":false',
    b'"hasMore":false,"data":null,"returned":0',
]
# What damage puts in; each has a place in some rule.
_PIECES = [
    *(
        b",",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b" ",
        b"\n",
        b"\0",
        b"\x0c",
        b"\x1f",
        b"\x7f",
        b"\xa0",
        b"0",
        b"-",
    ),
    *(
        b".",
        b"e",
        b"E+",
        b"n",
        b"true",
        b"null",
        b"\\u",
        b"\\u0000",
        b"\\ud83d",
        b"\\ude00",
        b"\xc0\xaf",
        b"\xc3",
        b"\xa9",
    ),
    *(
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x98\x80",
        b"\xef\xbb\xbf",
        b"Z",
        b"+18:01",
        b"T",
    ),
    *(
        b'"id":',
        b'"id":"b",',
        b'"timestamp":1769541612,',
        b'"data":[',
        b'"events":[]',
        b'"data":null,',
        b'"error":true,',
        b'"total":3.5,',
        b"[[[[",
        b"]]]]",
        b"x" * 17,
        b"",
    ),
]


def event(pick: Pick) -> bytes:
    space = [pick(_SPACES) for _ in range(4)]
    kinds = [pick(_MEMBERS) for _ in range(pick(range(7)))]
    if pick(range(4)):
        kinds.insert(pick(range(len(kinds) + 1)), (_ID_KEYS, IDS))
    members = []
    for keys, values in kinds:
        value = pick(ODD_OTHERS if pick(_RARELY) else values)
        members.append(space[0] + pick(keys) + space[1] + b":" + space[2] + value + space[3])
    return b"{" + (b",".join(members) or space[0]) + b"}"


def page(pick: Pick) -> bytes:
    """Good at its first glance, but for what is in its events."""
    space = [pick(_SPACES) for _ in range(4)]
    events = [event(pick) if pick(range(8)) else pick(_OTHERS) for _ in range(pick(range(5)))]
    between = space[0] + b"," + space[1]
    array = pick([b'"data"', b'"data"', b'"events"']) + space[2] + b":" + space[3] + b"[" + between.join(events) + b"]"
    parts = [array, pick(_ENVELOPES)]
    return space[0] + b"{" + between.join(parts if pick([True, False]) else parts[::-1]) + space[1] + b"}" + space[2]


def damaged(pick: Pick, text: bytes) -> bytes:
    """The same with something put in, taken out, said again or cut off."""
    start = pick(range(len(text) + 1))
    end = start + pick([0, 0, 0, 1, 1, 2, 9])
    piece = pick(_PIECES)
    kind = pick(range(8))
    if kind == 0:
        return text[:start]
    if kind == 1:
        other = pick(range(len(text) + 1))
        return text[:start] + text[other : other + 30] + text[end:]
    if kind == 2:
        return text[:start] + bytes([pick(range(256))]) + text[start + 1 :]
    return text[:start] + piece + text[end:]


def _picking(draw: st.DrawFn) -> Pick:
    return lambda options: draw(st.sampled_from(options))


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    return page(_picking(draw))


@st.composite
def damaged_pages(draw: st.DrawFn) -> bytes:
    pick = _picking(draw)
    text = page(pick)
    for _ in range(draw(st.integers(1, 3))):
        text = damaged(pick, text)
    return text


def many_pages(seed: int, count: int) -> Iterator[bytes]:
    """Some as they were built, the others damaged once to thrice; always the same for a seed."""
    pick = random.Random(seed).choice
    for _ in range(count):
        text = page(pick)
        for _ in range(pick([0, 0, 1, 1, 2, 3])):
            text = damaged(pick, text)
        yield text
