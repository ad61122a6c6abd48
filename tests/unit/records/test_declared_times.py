"""Times in a declared format: exact to the microsecond, never guessed, the same however they are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records import compiled
from datasync_spider.records.strictparser import StrictParser
from datasync_spider.records.timereader import TimeReader
from datasync_spider.sources.timeformats import TIME_FORMATS
from tests.support.sources import paths
from tests.unit.records.shapedreaders import reader

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMATS = [*TIME_FORMATS, "%d/%m/%Y %H:%M", "%Y%m%d", "%Y-%m-%dT%H:%M:%S.%f%z", "%b %d, %Y %I:%M %p"]


def us(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("s", 1700000000, us(2023, 11, 14, 22, 13, 20)),
        ("ms", 1700000000, us(1970, 1, 20, 16, 13, 20)),
        ("us", 1700000000, us(1970, 1, 1, 0, 28, 20)),
        ("ns", 1700000000, us(1970, 1, 1, 0, 0, 1, 700000)),
        ("s", "1700000000.123456", us(2023, 11, 14, 22, 13, 20, 123456)),
        ("s", "1700000000.1234569", us(2023, 11, 14, 22, 13, 20, 123456)),
        ("s", "1700000000", us(2023, 11, 14, 22, 13, 20)),
        ("s", " 1.7e9 ", us(2023, 11, 14, 22, 13, 20)),
        ("s", 0, 0),
        ("s", "-0.0000001", -1),
        ("ns", -1, -1),
        ("ms", -1, -1000),
        ("s", 253402300799, us(9999, 12, 31, 23, 59, 59)),
        ("s", 253402300800, None),
        ("s", -62135596801, None),
        ("ns", 10**30, None),
        ("s", "1e999999999", None),
        ("s", "1e-999999999", 0),
        ("s", "1e9999999999", None),
        ("s", "2024-01-01T00:00:00Z", None),
        ("s", "", None),
        ("s", "1_000", None),
        ("s", "0x10", None),
        ("s", True, None),
        ("s", None, None),
        ("s", [1700000000], None),
        ("s", "9" * 10_000, None),
        ("iso", "2024-02-29T01:02:03.5+02:00", us(2024, 2, 28, 23, 2, 3, 500000)),
        ("iso", "2024-02-29 01:02", us(2024, 2, 29, 1, 2)),
        ("iso", "2024-02-29", us(2024, 2, 29)),
        ("iso", "2023-02-29", None),
        ("iso", "1700000000", None),
        ("iso", 1700000000, None),
        ("iso", "Fri, 01 Mar 2024 00:00:00 GMT", None),
        ("rfc2822", "Fri, 24 May 2019 17:44:50 +0000", us(2019, 5, 24, 17, 44, 50)),
        ("rfc2822", "24 May 2019 17:44 -0430 (somewhere)", us(2019, 5, 24, 22, 14)),
        ("rfc2822", "fri, 1 mar 2024 00:00:60 EST", us(2024, 3, 1, 5, 1)),
        ("rfc2822", "Fri, 24 May 19 17:44:50 GMT", us(2019, 5, 24, 17, 44, 50)),
        ("rfc2822", "Fri, 24 May 99 17:44:50 UT", us(1999, 5, 24, 17, 44, 50)),
        ("rfc2822", "Fri, 24 May 2019 17:44:50 -0000", us(2019, 5, 24, 17, 44, 50)),
        ("rfc2822", "Fri, 24 Mai 2019 17:44:50 GMT", None),
        ("rfc2822", "Fri, 30 Feb 2019 17:44:50 GMT", None),
        ("rfc2822", "Fri, 24 May 2019 17:44:50 B", None),
        ("rfc2822", "Fri, 24 May 2019 17:44:50 +9900", None),
        ("rfc2822", "2019-05-24T17:44:50Z", None),
        ("rfc2822", 1700000000, None),
        ("%d/%m/%Y %H:%M", "05/03/2024 17:30", us(2024, 3, 5, 17, 30)),
        ("%d/%m/%Y %H:%M", "2024-03-05T17:30:00Z", None),
        ("%Y%m%d", 20240305, us(2024, 3, 5)),
        ("%Y%m%d", "20240305", us(2024, 3, 5)),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-03-05T17:30:00.25+0100", us(2024, 3, 5, 16, 30, 0, 250000)),
        ("%b %d, %Y %I:%M %p", "Mar 05, 2024 05:30 PM", us(2024, 3, 5, 17, 30)),
    ],
)
def test_a_time_is_read_in_its_format_or_is_none(form: str, value: Any, expected: int | None) -> None:
    assert TimeReader(form).one(value) == expected
    assert TimeReader(form).many([value, value]) == [expected, expected]


@pytest.mark.parametrize(
    ("form", "zone", "value", "expected"),
    [
        ("iso", "America/Chicago", "2024-07-01T12:00:00", us(2024, 7, 1, 17)),
        ("iso", "America/Chicago", "2024-01-01T12:00:00.5", us(2024, 1, 1, 18, 0, 0, 500000)),
        ("iso", "America/Chicago", "2024-01-01T12:00:00Z", us(2024, 1, 1, 12)),
        ("iso", "America/Chicago", "2024-01-01T12:00:00+00:00", us(2024, 1, 1, 12)),
        ("iso", "America/Chicago", "2024-01-01", us(2024, 1, 1, 6)),
        ("iso", "-06:00", "2024-07-01T12:00:00", us(2024, 7, 1, 18)),
        ("iso", "+0530", "2024-07-01T12:00", us(2024, 7, 1, 6, 30)),
        ("auto", "America/Chicago", "2024-07-01 12:00:00", us(2024, 7, 1, 17)),
        ("auto", "America/Chicago", "1700000000", us(2023, 11, 14, 22, 13, 20)),
        ("auto", "America/Chicago", 1700000000, us(2023, 11, 14, 22, 13, 20)),
        ("auto", "America/Chicago", "2024-07-01T12:00:00Z", us(2024, 7, 1, 12)),
        ("rfc2822", "America/Chicago", "1 Jul 2024 12:00:00", us(2024, 7, 1, 17)),
        ("rfc2822", "America/Chicago", "1 Jul 2024 12:00:00 +0000", us(2024, 7, 1, 12)),
        ("%d/%m/%Y %H:%M", "America/Chicago", "01/07/2024 12:00", us(2024, 7, 1, 17)),
        ("%Y-%m-%d %H:%M %z", "America/Chicago", "2024-07-01 12:00 +0000", us(2024, 7, 1, 12)),
        # Clocks were set back at 2:00: of two times that are written so, the earlier.
        ("iso", "America/Chicago", "2024-11-03T01:30:00", us(2024, 11, 3, 6, 30)),
        ("iso", "America/Chicago", "0001-01-01T00:00:00", us(1, 1, 1, 5, 50, 36)),
        ("iso", "+18:00", "0001-01-01T00:00:00", None),
        ("iso", "-18:00", "9999-12-31T23:00:00", None),
    ],
)
def test_a_time_that_names_no_zone_is_one_of_the_declared_zone(
    form: str, zone: str, value: Any, expected: int | None
) -> None:
    assert TimeReader(form, zone).one(value) == expected
    assert TimeReader(form, zone).many([value]) == [expected]


@given(st.datetimes(), st.sampled_from(["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "UTC"]))
def test_a_local_time_is_what_the_standard_library_makes_of_it(time: datetime, zone: str) -> None:
    expected = (time.replace(tzinfo=ZoneInfo(zone)) - EPOCH) // timedelta(microseconds=1)
    first, last = us(1, 1, 1), us(9999, 12, 31, 23, 59, 59, 999999)
    wanted = expected if first <= expected <= last else None
    assert TimeReader("iso", zone).one(time.isoformat(timespec="microseconds")) == wanted


TIMES = [
    *(b"1700000000", b"1700000000.25", b"1.7e9", b"-1", b"-0", b"0", b"20240305", b"2024", b"1180591620717411303424"),
    *(b'"2024-01-01T12:00:00"', b'"2024-01-01T12:00:00Z"', b'"2024-01-01T12:00:00.123Z"', b'"2024-01-01"'),
    *(b'"1700000000"', b'"1700000000.123456"', b'" 1700000000 "', b'"05/03/2024 17:30"', b'"20240305"', b'""'),
    *(b'"Fri, 24 May 2019 17:44:50 +0000"', b'"24 May 2019 17:44:50"', b'"2024-03-05T17:30:00.25+0100"'),
    *(b"null", b"true", b"[1700000000]", b'{"at":1700000000}', b'"\\u0031700000000"', b"1" + b"0" * 4_400),
    *(b'"Mar 05, 2024 05:30 PM"', b'"\xc3\xa9"'),
]


@pytest.mark.parametrize("zone", [None, "America/Chicago"])
@pytest.mark.parametrize("form", FORMATS)
def test_each_way_of_reading_reads_the_same_time(form: str, zone: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if zone is not None and form in {"s", "ms", "us", "ns"}:
        return
    time = {"any": ["x.at", "at"], "format": form, **({} if zone is None else {"zone": zone})}
    by = reader(time=time)
    strict = StrictParser(paths("id"), paths("x.at", "at"), None, TimeReader(form, zone))
    records = [b'{"id":"%d","at":%b}' % (place, text) for place, text in enumerate(TIMES)]
    records += [b'{"id":"x%d","x":{"at":%b},"at":1700000000}' % (place, text) for place, text in enumerate(TIMES)]
    expected = [strict.parse_strictly(record) for record in records]

    for is_compiled in {compiled.IS_COMPILED, False}:
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "IS_COMPILED", is_compiled)
            found, _ = by.split(b'{"data":[%b]}' % b",".join(records))
            parsed = by.parse(found or [])
            assert list(zip(parsed.event_ids, parsed.times_us, strict=True)) == expected
    for record, each in zip(records, expected, strict=True):
        alone = by.parse([record])
        assert [(alone.event_ids[0], alone.times_us[0])] == [each]


@given(st.lists(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30))))
@pytest.mark.parametrize("form", FORMATS)
def test_whatever_is_given_for_a_time_is_one_or_none_together_and_alone(form: str, values: list[Any]) -> None:
    by = TimeReader(form)
    texts = [json.dumps(value) if isinstance(value, float) else value for value in values]
    assert by.many(texts) == [by.one(value) for value in texts]


@pytest.mark.skipif(not compiled.IS_COMPILED, reason="nothing is compiled")
def test_times_in_iso_are_read_by_compiled_code_to_which_a_number_is_none() -> None:
    by = reader("@", id="key.id", time={"path": "key.at", "format": "iso"})
    found, _ = by.split(b'[{"key":{"id":"a","at":"2024-01-01T12:00:00.5Z"}},{"key":{"id":"b","at":1700000000}}]')

    assert isinstance(found, compiled.Events)
    assert found.columns() == (["a", "b"], [us(2024, 1, 1, 12, 0, 0, 500000), None], 0)
    assert by.parse(found).times_us == [us(2024, 1, 1, 12, 0, 0, 500000), None]


@pytest.mark.skipif(not compiled.IS_COMPILED, reason="nothing is compiled")
@pytest.mark.parametrize(("unit", "us_each"), [("s", 10**6), ("ms", 10**3), ("us", 1)])
def test_numbers_of_a_unit_are_read_by_compiled_code(unit: str, us_each: int) -> None:
    by = reader("@", id="key.id", time={"path": "key.at", "format": unit})
    found, _ = by.split(b'[{"key":{"id":"a","at":1700000000}},{"key":{"id":"b","at":0}},{"key":{"id":"c"}}]')

    assert isinstance(found, compiled.Events)
    assert found.columns() == (["a", "b", "c"], [1_700_000_000 * us_each, 0, None], 0)


@pytest.mark.skipif(not compiled.IS_COMPILED, reason="nothing is compiled")
def test_another_word_for_numbers_is_an_error() -> None:
    with pytest.raises(ValueError, match="numbers must be auto, none, s, ms, us or ns"):
        compiled.Scanner([["a"]], [["b"]], [], numbers="m")


EDGES = [b"253402300799", b"253402300800", b"253402300799999", b"253402300800000", b"253402300799999999"]
EDGES += [b"253402300800000000", b"999999999999999999", b"1000000000000000000", b"9223372036854775807", b"1"]
EDGES += [b"999", b"1000", b"1.0", b"1e3", b'"1"', b'"2024-01-01T12:00:00Z"']


@pytest.mark.parametrize("form", ["iso", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("text", [*TIMES, *EDGES])
def test_of_one_place_each_way_reads_the_same_time(text: bytes, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by = reader("@", time={"path": "at", "format": form})
    body = b'[{"id":"a","at":%b}]' % text
    expected = StrictParser(paths("id"), paths("at"), None, TimeReader(form)).parse_strictly(body[1:-1])

    for is_compiled in {compiled.IS_COMPILED, False}:
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "IS_COMPILED", is_compiled)
            found, _ = by.split(body)
            assert by.parse(found or []).times_us == [expected[1]]
