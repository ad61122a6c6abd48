"""The quick looks read what the slow one reads, or leave it alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records.fastpath import FastPath
from datasync_spider.records.strictparser import RecordRejected, StrictParser
from datasync_spider.records.timestamp import parse_timestamp, parse_timestamps
from tests.support.sources import READER
from tests.unit.records.jsontexts import any_text, objects, written

LOOK = FastPath(READER.ids, READER.times)
STRICT = StrictParser(READER.ids, READER.times)
_TIMES: list[Any] = [
    *(1769541612369, "2026-01-27T19:20:12.369Z", "2026-01-27T19:20:59.001Z", "2026-01-27T19:20:60.000Z", "soon"),
    *(1769541612, "1769541612369", "2026-01-27T19:20:12Z", "2026-01-27T19:2O:12.369Z", "2026-01-27t19:20:12.369Z"),
    *(10**10, 10**11 - 1, 10**11, 10**14 - 1, 10**14),
    *("2026-13-27T19:20:12.369Z", "2026-01-27T24:20:12.369Z", "2026-01-27T19:20:12.369z", None, True, 1.5, -1),
]
IDS = st.sampled_from(["a", "b", "é", " x", "", "a" * 300, 7, -0, 2**70, None, True, 1.5])


def usual(ids: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.fixed_dictionaries({}, optional={"id": ids, "eventId": ids, "event_id": ids})
    times = st.sampled_from(_TIMES)
    stamps = st.fixed_dictionaries({}, optional={"timestamp": times, "occurredAt": times, "occurred_at": times})
    return st.builds(lambda *parts: parts[0] | parts[1] | parts[2], objects(any_text), names, stamps)


def judged_slowly(payload: bytes) -> tuple[str, int | None] | None:
    try:
        return STRICT.parse_strictly(payload)
    except RecordRejected:
        return None


@given(st.lists(written(usual(IDS)), max_size=5) | st.lists(written(usual(st.just("plain"))), max_size=5))
def test_a_look_at_all_reads_what_as_many_slow_looks_read(payloads: list[bytes]) -> None:
    columns = LOOK.at_all(payloads)
    if columns is not None:
        assert list(zip(*columns, strict=True)) == [judged_slowly(payload) for payload in payloads]


@given(written(usual(IDS)))
def test_a_look_at_one_reads_what_a_slow_look_reads(payload: bytes) -> None:
    assert LOOK.at_one(payload) in (None, judged_slowly(payload))


@pytest.mark.parametrize("name", ["id", "eventId", "event_id"])
@pytest.mark.parametrize("ids", [["a", "b"], [1, 2]])
def test_pages_of_plain_events_need_no_other_look(name: str, ids: list[str | int]) -> None:
    payloads = [json.dumps({name: id_, "timestamp": "2026-01-27T19:20:12.369Z"}).encode() for id_ in ids]
    assert LOOK.at_all(payloads) == ([str(id_) for id_ in ids], [1769541612369000] * 2)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id":"a","x":"\\u0000"}',
        b'{"id":"a","x":"\xff"}',
        b'{"id":"a","x":' + b"[" * 513 + b"]" * 513 + b"}",
        b'{"id":1}',
        b'{"eventId":"a"}',
        b'{"id":" a"}',
        b'{"id":""}',
        b'{"id":"\x7f"}',
        b'{"id":"' + b"a" * 251 + b'"}',
        b"{}",
        b'{"id":"a"},{"id":"b"}',
        b'"text"',
    ],
)
def test_one_odd_event_sends_its_page_to_a_closer_look(odd: bytes) -> None:
    plain = b'{"id":"plain"}'
    assert LOOK.at_all([plain, plain]) is not None
    assert LOOK.at_all([plain, odd, plain]) is None


@given(st.lists(st.sampled_from(_TIMES) | st.text(max_size=26) | st.integers(), max_size=8))
def test_a_column_of_times_is_read_as_each_of_them_is(values: list[object]) -> None:
    assert parse_timestamps(values) == [parse_timestamp(value) for value in values]


_NEAR_TIME = "2026-01-27T19:20:12.369Z"


@pytest.mark.parametrize("instead", ["", "0", "6", "9", "X", "Z", "z", ":", ".", "-", " ", "\0", "é", "٣"])
def test_one_other_character_makes_no_difference_to_the_times_beside_it(instead: str) -> None:
    for place in range(24):
        odd = _NEAR_TIME[:place] + instead + _NEAR_TIME[place + 1 :]
        values = [_NEAR_TIME, odd, 1769541612369, _NEAR_TIME]
        assert parse_timestamps(values) == [parse_timestamp(value) for value in values]


@given(st.datetimes(), st.integers(0, 999))
def test_a_column_of_near_times_is_exact(time: Any, millisecond: int) -> None:
    texts = [f"{time:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{millisecond:03}Z" for _ in range(2)]
    assert parse_timestamps(texts) == [parse_timestamp(text) for text in texts]
    assert None not in parse_timestamps(texts)
