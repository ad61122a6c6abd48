"""What the compiled reading makes of ids and times: it knows the usual forms, and reads none otherwise than Python."""

from __future__ import annotations

import pytest

from datasync_spider.records.timestamp import parse_timestamp
from tests.support.compiling import needs_compiled
from tests.unit.records.agreement import Known, assert_agrees, known_of
from tests.unit.records.pagetexts import body

pytestmark = needs_compiled

TIME = '"2026-01-27T19:20:12.369Z"'
TIME_US = 1769541612369000


@pytest.mark.parametrize(
    ("event", "known"),
    [
        ('{"id":"a"}', ("a", None)),
        ('{"id":"56a349b5-1f2e-4c5d-9a8b-000000000001","timestamp":1769541612369}', None),
        ('{"eventId":"b"}', ("b", None)),
        ('{"event_id":"c"}', ("c", None)),
        ('{"event_id":"c","eventId":"b","id":"a"}', ("a", None)),
        ('{"event_id":"c","eventId":"b","id":null}', ("b", None)),
        ('{"eventId":null,"event_id":"c"}', ("c", None)),
        ('{"id":"first","id":"last"}', ("last", None)),
        ('{"id":{"odd":1},"id":"last"}', ("last", None)),
        ('{"id":"first","id":null,"eventId":"b"}', ("b", None)),
        ('{"id":"a","eventId":{"odd":1},"event_id":1.5}', ("a", None)),
        ('{"properties":{"id":"inner","timestamp":1769541612},"id":"outer"}', ("outer", None)),
        ('{"id":"outer","properties":{"id":"inner","timestamp":1769541612}}', ("outer", None)),
        ('{"Id":"x","id ":"x","ID":"x","i":"x","idd":"x","eventid":"x","eventID":"x","id":"a"}', ("a", None)),
        ('{"id":7}', ("7", None)),
        ('{"id":0}', ("0", None)),
        ('{"id":123456789012345678}', ("123456789012345678", None)),
        ('{"id":"aé☃😀"}', ("aé☃😀", None)),
        ('{"id":"a b"}', ("a b", None)),
        ('{"id":"!"}', ("!", None)),
        ('{"id":"~"}', ("~", None)),
        ('{"id":"a","name":"\\u00e9\\n\\ud83d\\ude00"}', ("a", None)),
        (f'{{"id":"a","timestamp":{TIME}}}', ("a", TIME_US)),
        (f'{{"id":"a","occurredAt":{TIME}}}', ("a", TIME_US)),
        (f'{{"id":"a","occurred_at":{TIME}}}', ("a", TIME_US)),
        (f'{{"occurred_at":1,"occurredAt":{TIME},"timestamp":null,"id":"a"}}', ("a", TIME_US)),
        (f'{{"occurred_at":"soon","occurredAt":true,"timestamp":{TIME},"id":"a"}}', ("a", TIME_US)),
        (f'{{"id":"a","timestamp":"soon","timestamp":{TIME}}}', ("a", TIME_US)),
        (f'{{"id":"a","timestamp":{TIME},"timestamp":null}}', ("a", None)),
        ('{"id":"a","timestamps":1769541612,"Timestamp":1,"occurredat":1,"occurred-at":1,"timestam":1}', ("a", None)),
        ('{"id":"a","timestamp":1769541612369}', ("a", TIME_US)),
        ('{"id":"a","timestamp":1769541612}', ("a", 1769541612000000)),
    ],
)
def test_the_usual_forms_are_read_without_a_closer_look(event: str, known: Known | None) -> None:
    (read,) = assert_agrees(body(event.encode())) or [None]
    assert read is not None
    assert known is None or read == known


@pytest.mark.parametrize(
    "event",
    [
        *("{}", "null", "7", '"id"', "[]", '["id"]', "true", '{"name":"a"}', '{"id":null}', '{"Id":"a"}'),
        *(
            '{"id":""}',
            '{"id":" "}',
            '{"id":" a"}',
            '{"id":"\x7f"}',
            '{"id":"\u200b"}',
            '{"id":"é"}',
            '{"id":"a\\u0041"}',
        ),
        *(
            '{"id":true}',
            '{"id":{}}',
            '{"id":["a"]}',
            '{"id":1.0}',
            '{"id":1e3}',
            '{"id":-7}',
            '{"id":-0}',
            '{"id":1E3}',
        ),
        *('{"id":"a","id":{}}', '{"id":"","eventId":"b"}', '{"id":false,"eventId":"b"}', '{"id":1.5,"eventId":"b"}'),
        *('{"id":"a","\\u0069d":"b"}', '{"\\u0069d":"b"}', '{"id":"a","n\\u0061me":1}', '{"id":1234567890123456789}'),
        *('{"id":"a","timestamp":"soon"}', '{"id":"a","timestamp":{}}', '{"id":"a","timestamp":[1769541612]}'),
        *('{"id":"a","timestamp":true}', '{"id":"a","timestamp":false,"occurredAt":1769541612}'),
        *(
            '{"id":"a","timestamp":""}',
            '{"id":"a","timestamp":"2026-01-27T19:20:12\\u005a"}',
            '{"id":"a","timestamp":-1}',
        ),
    ],
)
def test_an_odd_event_needs_the_fallback_and_costs_its_page_nothing(event: str) -> None:
    usual = b'{"id":"x"}'
    assert assert_agrees(body(usual + b"," + event.encode() + b"," + usual)) == [("x", None), None, ("x", None)]


@pytest.mark.parametrize("id_", ["x" * 999, "x" * 1000, "x" + "é" * 499, "x☃" * 250])
def test_an_id_may_be_as_long_as_it_may_for_python(id_: str) -> None:
    assert known_of(b'{"id":"' + id_.encode() + b'"}') == (id_, None)
    longer = b'{"id":"' + id_.encode() + b"x" * (1001 - len(id_.encode())) + b'"}'
    assert assert_agrees(body(longer)) == [None]


def test_every_first_character_of_an_id_is_judged_as_by_python() -> None:
    for byte in range(0x80):
        known = assert_agrees(body(b'{"id":"' + bytes([byte]) + b'"}'))
        if 0x20 < byte < 0x7F and byte not in b'"\\':
            assert known == [(chr(byte), None)]


def test_every_other_character_of_an_id_is_kept() -> None:
    characters = [chr(code) for code in range(0x20, 0x3000) if chr(code) not in '"\\']
    texts = [f"a{character}" for character in characters]
    known = assert_agrees(body(b",".join(f'{{"id":"{text}"}}'.encode() for text in texts)))
    assert known == [(text, None) for text in texts]


def read_times(literals: list[str]) -> list[Known | None]:
    known = assert_agrees(body(b",".join(f'{{"id":"a","timestamp":{literal}}}'.encode() for literal in literals)))
    assert known is not None
    return known


def assert_exact(texts: list[str]) -> None:
    """Texts that are times to Python are known, and the others need the fallback."""
    for text, known in zip(texts, read_times([f'"{text}"' for text in texts]), strict=True):
        time_us = parse_timestamp(text)
        assert known == (None if time_us is None else ("a", time_us)), text


def test_every_day_of_the_calendar_is_known_and_no_other() -> None:
    years = [0, 1, 3, 4, 99, 100, 400, 1600, 1700, 1899, 1900, 1969, 1970, 1999, 2000, 2023, 2024, 2100, 9996, 9999]
    days = [f"{year:04}-{month:02}-{day:02}" for year in years for month in range(14) for day in range(33)]
    assert_exact([f"{day}T00:00:00Z" for day in days])
    assert_exact([f"{day}T23:59:59.999999Z" for day in days])


def test_every_time_of_the_day_is_known_and_no_other() -> None:
    texts = [f"2024-02-29T{hour:02}:{minute:02}:59.5Z" for hour in range(26) for minute in range(62)]
    assert_exact(texts)
    seconds = [f"1969-12-31T23:59:{second:02}.000001Z" for second in range(60)]
    assert_exact(seconds)


def test_every_offset_is_known_and_no_other() -> None:
    minutes = (0, 1, 30, 59, 60, 99)
    offsets = [f"{sign}{hour:02}:{minute:02}" for sign in "+-" for hour in range(26) for minute in minutes]
    for moment in ("2024-03-01T00:30:00", "0001-01-01T00:00:00", "0001-01-01T18:00:00", "9999-12-31T23:59:59.999999"):
        assert_exact([moment + offset for offset in offsets])
    for nearly in ("+1:00", "+0100", "+01", "+01-00", "~01:00", "z", "", "ZZ", "+01:00Z", "+01:0", "+0a:00", "+01:0b"):
        assert_agrees(body(f'{{"id":"a","timestamp":"2024-03-01T00:30:00{nearly}"}}'.encode()))


def test_fractions_are_cut_off_below_a_microsecond() -> None:
    digits = "9876543210"
    assert_exact([f"1969-12-31T23:59:59.{digits[:count]}Z" for count in range(11)])
    assert_exact([f"2024-01-01T00:00:00.{'0' * count}1+00:00" for count in range(11)])
    assert read_times([f'"2024-01-01T00:00:00.{"1" * 5_000}Z"']) == [None]


@pytest.mark.parametrize("time", ["2026-01-27T19:20:12.369Z", "2026-01-27T19:20:12+05:30"])
def test_any_other_byte_anywhere_in_a_time_is_read_as_by_python_or_left_to_it(time: str) -> None:
    for place in range(len(time) + 1):
        for byte in range(0x20, 0x100):
            for after in (place, place + 1):
                text = time[:place].encode() + bytes([byte]) + time[after:].encode()
                assert_agrees(body(b'{"id":"a","timestamp":"' + text + b'"}'))
        assert_agrees(body(f'{{"id":"a","timestamp":"{time[:place]}"}}'.encode()))


def test_the_magnitude_of_a_number_shows_its_unit() -> None:
    borders = [10**power + more for power in range(1, 21) for more in (-1, 0, 1)]
    numbers = [*borders, *(8 * 10**power + 123456789 % 10**power for power in range(20))]
    for number, known in zip(numbers, read_times([str(number) for number in numbers]), strict=True):
        expected = ("a", parse_timestamp(number)) if 10**8 <= number < 10**18 else None
        assert known == expected, number
    odd = ["-1769541612", "1769541612.5", "1.769541612e9", "0", "-0", "17695416121234567890123"]
    assert read_times(odd) == [None] * len(odd)
