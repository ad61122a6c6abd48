"""ISO 8601 and RFC 3339 texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records.timestamp import parse_timestamp
from tests.support.zone import host_zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFSETS = st.integers(-18 * 60, 18 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(timezones=OFFSETS)


def microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


@given(INSTANTS, st.sampled_from("Tt "), st.sampled_from(["hours", "hours:minutes", "hoursminutes"]))
def test_every_instant_comes_back_from_its_text(instant: datetime, separator: str, zone: str) -> None:
    offset = instant.strftime("%z")
    if zone == "hours:minutes":
        offset = f"{offset[:3]}:{offset[3:]}"
    elif zone == "hours" and offset.endswith("00"):
        offset = offset[:3]
    text = f"{instant:%m-%d}{separator}{instant:%H:%M:%S.%f}{offset}"
    assert parse_timestamp(f"{instant.year:04d}-{text}") == microseconds(instant)


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["Z", "z", "+00:00", "-00", ""]))
def test_every_instant_comes_back_from_its_utc_text(instant: datetime, zone: str) -> None:
    text = instant.replace(tzinfo=None).isoformat(timespec="microseconds") + zone
    assert parse_timestamp(text) == microseconds(instant)


@given(INSTANTS, st.integers(1, 9), st.sampled_from(".,"))
def test_a_fraction_counts_to_the_microsecond_and_is_truncated_toward_the_past(
    instant: datetime, digits: int, point: str
) -> None:
    nanoseconds = f"{instant.microsecond * 1000 + 999:09d}"[:digits]
    text = f"{instant.year:04d}-{instant:%m-%dT%H:%M:%S}{point}{nanoseconds}Z"
    whole = microseconds(instant.replace(tzinfo=UTC, microsecond=0))
    assert parse_timestamp(text) == whole + int(nanoseconds.ljust(9, "0")) // 1000


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2026-01-27T19:20:12.369Z", "2026-01-27T19:20:12.369000+00:00"),
        ("2026-01-27T19:20Z", "2026-01-27T19:20:00+00:00"),
        ("2026-01-27 19:20", "2026-01-27T19:20:00+00:00"),
        ("2026-01-27T19:20:12", "2026-01-27T19:20:12+00:00"),
        ("2026-01-27T19:20:12+18:00", "2026-01-27T01:20:12+00:00"),
        ("2026-01-27T19:20:12-18", "2026-01-28T13:20:12+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500000+00:00"),
        ("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("\ufeff\u200b 2026-01-27T19:20:12Z\u200d\x00\x9f\n", "2026-01-27T19:20:12+00:00"),
        ("\u00a02026-01-27T19:20:12Z\u3000", "2026-01-27T19:20:12+00:00"),
    ],
)
def test_a_form_means_what_it_says(text: str, same_as: str) -> None:
    assert parse_timestamp(text) == microseconds(datetime.fromisoformat(same_as))


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("0001-01-01T18:00:00+18:00", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T05:59:59.999999-18:00", datetime.max.replace(tzinfo=UTC)),
        ("0001-01-01T17:59:59.999999+18:00", None),
        ("9999-12-31T06:00:00-18:00", None),
        ("9999-12-31T23:59:60Z", None),
    ],
)
def test_what_an_offset_leads_out_of_the_calendar_is_no_time(text: str, same_as: datetime | None) -> None:
    assert parse_timestamp(text) == (None if same_as is None else microseconds(same_as))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-27",
        "2026-01-27T",
        "2026-01-27T19",
        "2026-01-27T19Z",
        "2026-01-27T19:2",
        "2026-01-27T19:20:",
        "2026-01-27T19:20:1Z",
        "2026-01-27T19:20:12.Z",
        "2026-01-27T19:20:12.1234567890Z",
        "2026-01-27T19:20:12.12345678901Z",
        "2026-01-27T19:20.5Z",
        "2026-01-27T19:20:12 Z",
        "2026-01-27T19:20:12:369Z",
        "2026-01-27T19:20:123Z",
        "2026-01-27T19:20:12.369123 56Z",
        "2026-01-27T19:20:12.3691234T6Z",
        "2026-01-27T19:20:12 UTC",
        "2026-01-27T19:20:12+1",
        "2026-01-27T19:20:12+1:00",
        "2026-01-27T19:20:12+01:0",
        "2026-01-27T19:20:12+01:60",
        "2026-01-27T19:20:12+18:01",
        "2026-01-27T19:20:12-19:00",
        "2026-01-27T19:20:12+01:00:00",
        "2026-01-27T19:20:12+01:00Z",
        "2026-01-27T19:20:12\u221201:00",
        "2026-01-27T24:00:00Z",
        "2026-01-27T24:00:00.000Z",
        "2026-01-27T19:60:00Z",
        "2026-01-27T19:20:61Z",
        "2026-00-27T19:20:12Z",
        "2026-13-27T19:20:12Z",
        "2026-02-30T19:20:12Z",
        "2025-02-29T19:20:12Z",
        "2026-01-00T19:20:12Z",
        "0000-01-01T00:00:00Z",
        "+999999-01-01T00:00:00Z",
        "-2026-01-27T19:20:12Z",
        "10000-01-01T00:00:00Z",
        "26-01-27T19:20:12Z",
        "2026-1-27T19:20:12Z",
        "20260127T192012Z",
        "2026-01-27T192012Z",
        "2026-01-27T192012.12345Z",
        "2026-027T19:20:12Z",
        "2026-W05-2T19:20:12Z",
        "2026-W05-2T19:20:12.369Z",
        "2026-01-27\u200bT19:20:12Z",
        "2026-01-27\t19:20:12Z",
        "2026-01-27TT19:20:12Z",
        "\u0662\u0660\u0662\u0666-01-27T19:20:12Z",
        "2026-01-27T19:20:\uff11\uff12Z",
        "2026-01-27T19:20:12.\u0663\u0666\u0669Z",
        "27 Jan 2026 19:20:12 GMT",
        "01/27/2026 19:20",
        "19:20:12",
        "now",
        "",
        "Z",
    ],
)
def test_what_is_partial_impossible_or_foreign_is_no_time(text: str) -> None:
    assert parse_timestamp(text) is None


@given(st.datetimes(), st.text("0123456789-+:.,TZ zW\u0661\uff11", max_size=2), st.integers(0, 28), st.integers(0, 2))
def test_a_damaged_time_is_a_time_only_if_it_still_has_the_form_of_one(
    instant: datetime, junk: str, position: int, removed: int
) -> None:
    text = f"{instant.isoformat(timespec='microseconds')}Z"
    damaged = text[:position] + junk + text[position + removed :]
    time = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    form = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{time}([Zz]|[+-][0-9]{{2}}(:?[0-9]{{2}})?)?"
    assert parse_timestamp(damaged) is None or re.fullmatch(form, damaged.strip())


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "UTC+11"])
def test_the_hosts_zone_does_not_matter(zone: str) -> None:
    with host_zone(zone):
        assert parse_timestamp("2026-01-27T19:20:12.369Z") == 1769541612369000
        assert parse_timestamp("2026-01-27 19:20:12,369") == 1769541612369000
        assert parse_timestamp("2026-07-27T19:20:12+02:00") == 1785172812000000
