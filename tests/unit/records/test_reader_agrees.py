"""All ways of reading pages and records of any layout, against the standard library's reading of the same bytes."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from datasync_spider.errors import PageUnreadable
from datasync_spider.records import compiled
from datasync_spider.records.event import ParsedEvents
from datasync_spider.records.fastpath import FastPath
from datasync_spider.records.recordreader import RawEvents, RecordReader
from datasync_spider.records.strictparser import RecordRejected, StrictParser
from tests.unit.records import readeroracle as oracle
from tests.unit.records.rawanywhere import LAYOUTS, Layout, Writer, paths_of
from tests.unit.records.rawpages import damaged

every_layout = pytest.mark.parametrize("name", LAYOUTS)

Known = tuple[str, int | None]


def strictly(strict: StrictParser, record: bytes) -> Known | str:
    try:
        return strict.parse_strictly(record)
    except RecordRejected as error:
        return error.reason


@every_layout
def test_thousands_of_records_are_read_as_the_standard_library_reads_them(name: str) -> None:
    layout, pick = LAYOUTS[name], random.Random(name)
    ids, times = paths_of(layout.ids), paths_of(layout.times)
    fast, strict, writer = FastPath(ids, times), StrictParser(ids, times), Writer(layout, pick)
    seen = Counter[str]()
    for number in range(500):
        record = writer.record()
        if number % 4 == 0:
            record = damaged(pick.choice, record)
        expected = oracle.verdict(record, layout.ids, layout.times)
        read = strictly(strict, record)
        if isinstance(expected, set):
            assert read in expected, record
        else:
            assert read == expected, record
            seen["usable"] += 1
        at_once = fast.at_one(record)
        seen["at once"] += at_once is not None
        assert at_once is None or at_once == read, record
    # Far from nothing: else this would prove little.
    assert seen["usable"] > 110, seen
    assert seen["at once"] > 55 or name == "names with escapes", seen


@every_layout
def test_many_records_together_are_read_as_each_of_them_is(name: str) -> None:
    layout, pick = LAYOUTS[name], random.Random(name)
    ids, times = paths_of(layout.ids), paths_of(layout.times)
    fast, writer, seen = FastPath(ids, times), Writer(layout, pick), 0
    usable: list[tuple[bytes, Known]] = []
    while len(usable) < 300:
        record = writer.record()
        expected = oracle.verdict(record, layout.ids, layout.times)
        if not isinstance(expected, set):
            usable.append((record, expected))
    for _ in range(300):
        some = pick.choices(usable, k=pick.choice([1, 2, 3]))
        columns = fast.at_all([record for record, _ in some])
        if columns is not None:
            seen += 1
            assert list(zip(*columns, strict=True)) == [known for _, known in some], some
    assert seen > 30 or name == "names with escapes"


def split(reader: RecordReader, text: bytes) -> tuple[RawEvents | None, bytes] | str:
    try:
        return reader.split(text)
    except PageUnreadable as error:
        return error.reason


def shown(parsed: ParsedEvents) -> object:
    rejected = [(one.position, one.reason, one.raw, one.event_id) for one in parsed.rejected]
    return parsed.event_ids, parsed.times_us, list(map(bytes, parsed.payloads)), rejected


def is_json(text: bytes) -> bool:
    try:
        oracle.plain(text)
    except ValueError:
        return False
    return True


def assert_true_of_page(
    layout: Layout, reader: RecordReader, text: bytes, monkeypatch: pytest.MonkeyPatch, seen: Counter[str]
) -> None:
    found = split(reader, text)
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "IS_COMPILED", False)
        in_python = split(reader, text)
    if isinstance(found, str) or isinstance(in_python, str):
        assert found == in_python, text
        assert not is_json(text) or found == "not_an_object"
        seen["refused"] += 1
        return
    records, rest = found
    if records is None or in_python[0] is None:
        assert (records, rest) == in_python, text
    else:
        assert (list(map(bytes, records)), rest) == (list(map(bytes, in_python[0])), in_python[1]), text
        assert shown(reader.parse(records)) == shown(reader.parse(in_python[0])), text
    if not is_json(text):
        # What is wrong with it is still there: in what is left of it, or in a record.
        assert not is_json(rest) or (records is not None and not all(is_json(bytes(each)) for each in records)), text
        return
    seen["taken"] += 1
    body = oracle.plain(text)
    expected, expected_rest = oracle.records(body, layout.records)
    assert oracle.plain(rest) == expected_rest, text
    if records is None:
        assert expected is None, text
        return
    assert [oracle.plain(bytes(each)) for each in records] == expected, text
    parsed = reader.parse(records)
    judged = [oracle.verdict(bytes(each), layout.ids, layout.times) for each in records]
    assert list(zip(parsed.event_ids, parsed.times_us, strict=True)) == [
        each for each in judged if not isinstance(each, set)
    ]
    of_rejected = [(place, reasons) for place, reasons in enumerate(judged) if isinstance(reasons, set)]
    assert [one.position for one in parsed.rejected] == [place for place, _ in of_rejected]
    assert all(one.reason in reasons for one, (_, reasons) in zip(parsed.rejected, of_rejected, strict=True))
    seen["records"] += len(judged)


@every_layout
def test_a_thousand_pages_are_split_and_read_as_the_standard_library_reads_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, pick = LAYOUTS[name], random.Random(name)
    reader, writer, seen = layout.reader(), Writer(layout, pick), Counter[str]()
    for _ in range(150):
        text = writer.page()
        assert_true_of_page(layout, reader, text, monkeypatch, seen)
        assert_true_of_page(layout, reader, damaged(pick.choice, text), monkeypatch, seen)
    assert min(seen["taken"], seen["records"]) > 50, seen
    assert seen["refused"] > 15, seen


@every_layout
def test_no_proper_prefix_of_a_page_is_a_shorter_page(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, pick = LAYOUTS[name], random.Random(name)
    reader, writer = layout.reader(), Writer(layout, pick)
    pages = 0
    while pages < 4:
        text = writer.page().strip()
        found = split(reader, text)
        if isinstance(found, str) or not found[0] or not is_json(found[1]) or len(text) > 2_000:
            continue
        pages += 1
        for is_compiled in {compiled.IS_COMPILED, False}:
            with monkeypatch.context() as patch:
                patch.setattr(compiled, "IS_COMPILED", is_compiled)
                for length in range(len(text)):
                    cut = split(reader, text[:length])
                    assert isinstance(cut, str) or not is_json(cut[1]), text[:length]


@every_layout
def test_the_id_that_can_be_read_of_an_unusable_record_is_the_one_that_it_would_have(name: str) -> None:
    layout, pick = LAYOUTS[name], random.Random(name)
    reader, writer, seen = layout.reader(), Writer(layout, pick), 0
    for _ in range(300):
        record = writer.record()
        expected = oracle.verdict(record, layout.ids, layout.times)
        if not isinstance(expected, set):
            assert reader.readable_id(record) == expected[0]
            seen += 1
            (again,) = reader.parse([msgspec.Raw(record)]).events
            assert (again.event_id, again.occurred_at_us, again.payload) == (*expected, record)
    assert seen > 60
