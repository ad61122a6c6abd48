"""Where a record's id and time stand: nested, in lists, in one of several places; all ways of reading find the same."""

from __future__ import annotations

import msgspec
import pytest

from datasync_spider.records.event import ParsedEvents
from datasync_spider.records.fastpath import FastPath
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.records.strictparser import StrictParser
from tests.support.sources import paths

pytestmark = pytest.mark.usefixtures("each_way")

TIME = b"1769541612"
TIME_US = 1769541612000000


def reader(ids: tuple[str, ...], times: tuple[str, ...] = ()) -> RecordReader:
    return RecordReader(paths("data"), paths(*ids), paths(*times))


def parse(read: RecordReader, *records: bytes) -> ParsedEvents:
    """As those of a page."""
    found, rest = read.split(b'{"data":[' + b",".join(records) + b'],"n":1}')
    assert rest == b'{"data":[],"n":1}'
    assert found is not None
    return read.parse(found)


@pytest.mark.parametrize(
    ("ids", "record", "id_"),
    [
        (("key.id",), b'{"key":{"id":"a"}}', "a"),
        (("key.id",), b'{"key":{"id":7,"x":{"id":8}},"id":9}', "7"),
        (("key.id", "id"), b'{"key":{"id":null},"id":"b"}', "b"),
        (("key.id", "id"), b'{"key":{},"id":"b"}', "b"),
        (("key.id", "id"), b'{"key":null,"id":"b"}', "b"),
        (("key.id", "id"), b'{"key":"id","id":"b"}', "b"),
        (("key.id", "id"), b'{"key":[{"id":"a"}],"id":"b"}', "b"),
        (("key.id", "id"), b'{"id":"b"}', "b"),
        (("key.id", "id"), b'{"key":{"id":"a"},"key":{},"id":"b"}', "b"),
        (("key.id", "id"), b'{"key":{"id":"a"},"k\\u0065y":7,"id":"b"}', "b"),
        (("key.id",), b'{"key":{},"key":{"id":"first","id":"last"}}', "last"),
        (("key.id",), b'{"\\u006bey":{"i\\u0064":"a"}}', "a"),
        (('fields."x y".id',), b'{"fields":{"x y":{"id":"a"}}}', "a"),
        (('"key.id"',), b'{"key.id":"a","key":{"id":"b"}}', "a"),
        (('"@id"',), b'{"@id":"a"}', "a"),
        (('"a\\"b"', "id"), b'{"a\\"b":"a"}', "a"),
        (('"a\\"b"', "id"), b'{"a\\"c":"a","id":"b"}', "b"),
        (("été.☃",), '{"été":{"☃":"a"}}'.encode(), "a"),
        (("été.☃",), b'{"\\u00e9t\\u00e9":{"\\u2603":"a"}}', "a"),
        (("ids[0]",), b'{"ids":["a",7,1.5,{}]}', "a"),
        (("ids[-1]",), b'{"ids":[{},1.5,"a"]}', "a"),
        (("ids[1]", "ids[0]"), b'{"ids":["a"]}', "a"),
        (("ids[0].id",), b'{"ids":[{"id":"a"},null]}', "a"),
        (("ids[0]", "id"), b'{"ids":[null],"id":"b"}', "b"),
        (("ids[0]", "id"), b'{"ids":{"0":"a"},"id":"b"}', "b"),
        (("ids[0]", "id"), b'{"ids":"a","id":"b"}', "b"),
        (("ids[0][1]",), b'{"ids":[[1,2]]}', "2"),
        (("[0]",), b'["a",{}]', "a"),
        (("[0].id",), b'[{"id":"a"}]', "a"),
        (("[-1]", "id"), b'{"id":"b"}', "b"),
        (("@",), b'"a"', "a"),
        (("@",), b" -7 ", "-7"),
        (("a.id", "a"), b'{"a":"b"}', "b"),
        (("a.id", "a"), b'{"a":{"id":"b"}}', "b"),
    ],
)
def test_an_id_is_the_first_that_is_there_and_not_null(ids: tuple[str, ...], record: bytes, id_: str) -> None:
    read = reader(ids)
    parsed = parse(read, record, record)
    assert (parsed.event_ids, parsed.times_us, parsed.rejected) == ([id_, id_], [None, None], [])
    assert list(map(bytes, parsed.payloads)) == [record.strip()] * 2
    assert StrictParser(read.ids, read.times).parse_strictly(record) == (id_, None)
    assert read.readable_id(record) == id_
    assert read.identity(record) in {repr(id_), id_}


@pytest.mark.parametrize(
    ("ids", "record", "reason"),
    [
        (("key.id",), b'{"key":{}}', "no_id"),
        (("key.id",), b'{"key":{"id":null}}', "no_id"),
        (("key.id",), b'{"id":"a","key":7}', "no_id"),
        (("key.id",), b'{"key":{"id":"a"},"key":{}}', "no_id"),
        (("key.id", "id"), b'{"key":{"id":{}},"id":"b"}', "id_wrong_type"),
        (("key.id", "id"), b'{"key":{"id":1.5},"id":"b"}', "id_wrong_type"),
        (("key.id", "id"), b'{"key":{"id":""},"id":"b"}', "id_empty"),
        (("key.id", "id"), b'{"key":{"id":"\\u0000"},"id":"b"}', "id_nul"),
        (("key.id", "id"), b'{"key":{"id":"a"},"id":"\\u0000"}', "nul_character"),
        (("a", "a.id"), b'{"a":{"id":"b"}}', "id_wrong_type"),
        (("ids[1]",), b'{"ids":["a"]}', "no_id"),
        (("ids[0]",), b'{"ids":[["a"]]}', "id_wrong_type"),
        (("ids[0]",), b'["a"]', "not_an_object"),
        (("key.id", "id"), b'"a"', "not_an_object"),
        (("key.id", "id"), b"null", "not_an_object"),
        (("[0]",), b"[]", "no_id"),
        (("[0]",), b'{"0":"a"}', "no_id"),
        (("[0]",), b"7", "no_id"),
        (("[0]", "id"), b'"a"', "no_id"),
        (("[0]",), b"[[7]]", "id_wrong_type"),
        (("@",), b"null", "no_id"),
        (("@",), b'{"id":"a"}', "id_wrong_type"),
    ],
)
def test_a_record_without_a_usable_one_has_the_reason(ids: tuple[str, ...], record: bytes, reason: str) -> None:
    read = reader(ids)
    parsed = parse(read, record)
    assert parsed.event_ids == []
    assert [(one.reason, one.raw) for one in parsed.rejected] == [(reason, record)]


@pytest.mark.parametrize(
    ("times", "members", "time_us"),
    [
        (("at.time",), b'"at":{"time":%b}' % TIME, TIME_US),
        (("at.time", "at"), b'"at":%b' % TIME, TIME_US),
        (("at.time", "at"), b'"at":{"time":"soon"}', None),
        (("at.time", "more.time"), b'"at":{"time":"soon"},"more":{"time":%b}' % TIME, TIME_US),
        (("at.time",), b'"at":{"time":%b},"at":{}' % TIME, None),
        (("at[1]",), b'"at":[1,%b]' % TIME, TIME_US),
        (("at[-1].t", "at[0]"), b'"at":["2026-01-27T19:20:12Z",{"t":null}]', TIME_US),
        (("at[0]",), b'"at":[%b.123456]' % TIME, TIME_US + 123456),
        (("at",), b'"at":[%b]' % TIME, None),
        ((), b'"at":%b,"timestamp":%b' % (TIME, TIME), None),
        (("id",), b'"at":1', TIME_US),
    ],
)
def test_a_time_is_the_first_of_its_places_that_holds_one(
    times: tuple[str, ...], members: bytes, time_us: int | None
) -> None:
    record = b'{"id":"1769541612",' + members + b"}"
    parsed = parse(reader(("id",), times), record)
    assert (parsed.event_ids, parsed.times_us) == (["1769541612"], [time_us])
    assert StrictParser(paths("id"), paths(*times)).parse_strictly(record) == ("1769541612", time_us)


@pytest.mark.parametrize(
    ("ids", "times", "record"),
    [
        (("key.id",), ("key.at",), b'{"key":{"id":"%d","at":1769541612},"x":[{}]}'),
        (("id", "key.id"), ("at", "key.at"), b'{"key":{"id":%d,"at":1769541612}}'),
        (('fields."x y".id',), ("fields.more.at",), b'{"fields":{"x y":{"id":"%d"},"more":{"at":1769541612}}}'),
        (("ids[0]",), ("ids[-1].at",), b'{"ids":["%d",1.5,{},{"at":1769541612}]}'),
        (("[0]",), ("[1]",), b'["%d",1769541612,1.5,null,{"a":[]}]'),
        (("ts",), ("ts",), b'{"ts":"1769541612.%d"}'),
    ],
)
def test_records_that_are_plain_need_no_look_at_each(
    ids: tuple[str, ...], times: tuple[str, ...], record: bytes
) -> None:
    look = FastPath(paths(*ids), paths(*times))
    records = [record % number for number in range(1, 9)]
    columns = look.at_all(records)
    assert columns is not None
    assert len(set(columns[0])) == 8
    assert [time_us is not None and time_us // 1_000_000 for time_us in columns[1]] == [1769541612] * 8
    # Some have nothing on the way.
    assert look.at_all([*records, b"{}"]) is None


def test_null_in_place_of_an_object_on_the_way_costs_no_look_at_each() -> None:
    look = FastPath(paths("id"), paths("a.b.at", "at"))
    records = [b'{"id":"1","a":{"b":{"at":1769541612}}}', b'{"id":"2","a":{"b":null},"at":1769541612}', b'{"id":"3"}']
    assert look.at_all(records) == (["1", "2", "3"], [TIME_US, TIME_US, None])


def test_a_reader_is_known_by_its_places_and_shows_nothing_else() -> None:
    one, other = reader(("id",)), reader(("id",))
    assert one == other
    assert hash(one) == hash(other)
    assert one != reader(("key.id",))
    assert "splitter" not in repr(one)


def test_what_distinguishes_a_record_follows_its_places() -> None:
    read = reader(("key.id", "[0]"))
    assert read.identity(b'{"key":{"id":[1]},"x":1}') == read.identity(b'{"x":2,"key":{"id":[1]}}')
    assert read.identity(b"[7,1]") == read.identity(b"[7,2]") != read.identity(b"[8]")
    assert read.identity(b'{"id":"a"}') == b'{"id":"a"}'
    assert read.identity(b"{broken") == b"{broken"


def test_a_dead_letter_is_read_by_the_same_places() -> None:
    read = reader(("key.id",), ("key.at",))
    (event,) = read.parse([msgspec.Raw(b'{"key":{"id":"a","at":1769541612}}')]).events
    assert (event.event_id, event.occurred_at_us) == ("a", TIME_US)
    (rejected,) = read.parse([msgspec.Raw(b'{"key":{"id":"a"},"x":"\\u0000"}')]).rejected
    assert (rejected.reason, rejected.event_id) == ("nul_character", "a")
