"""Epochs in seconds, milliseconds, microseconds and nanoseconds, as numbers and as their text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records.timestamp import parse_timestamp

UNITS = {"s": (10**8, 10**11, 1_000_000), "ms": (10**11, 10**14, 1_000), "us": (10**14, 10**17, 1)}


@pytest.mark.parametrize("unit", UNITS)
@given(data=st.data())
def test_the_unit_is_known_by_the_magnitude(unit: str, data: st.DataObject) -> None:
    lowest, beyond, factor = UNITS[unit]
    number = data.draw(st.integers(lowest, beyond - 1))
    assert parse_timestamp(number) == number * factor
    assert parse_timestamp(str(number)) == number * factor


@given(st.integers(10**17, 10**20 - 1))
def test_nanoseconds_are_truncated_toward_the_past(number: int) -> None:
    assert parse_timestamp(number) == number // 1000
    assert parse_timestamp(str(number)) == number // 1000


@given(st.integers(10**8, 10**20 - 1), st.text("0123456789", min_size=1, max_size=40))
def test_decimals_are_exact_to_the_microsecond_however_many_there_are(whole: int, fraction: str) -> None:
    factor = next((f for low, beyond, f in UNITS.values() if low <= whole < beyond), Decimal("0.001"))
    scaled = int(whole * factor * 10 ** len(fraction)) + int(int(fraction) * factor)
    if factor == Decimal("0.001"):
        scaled = (whole * 10 ** len(fraction) + int(fraction)) // 1000
    assert parse_timestamp(f"{whole}.{fraction}") == scaled // 10 ** len(fraction)


@given(st.integers(10**8, 10**20 - 1), st.integers(0, 12))
def test_an_exponent_changes_the_spelling_and_not_the_number(number: int, places: int) -> None:
    digits = str(number)
    shifted = f"{digits[:-places] or '0'}.{digits[-places:].rjust(places, '0')}e{places}" if places else f"{digits}E+0"
    assert parse_timestamp(shifted) == parse_timestamp(number)


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        (10**8, 10**14),
        (10**11 - 1, (10**11 - 1) * 10**6),
        (10**11, 10**14),
        (10**20 - 1, 10**17 - 1),
        ("1769541612.1234569", 1769541612123456),
        ("99999999999.9999999", 99999999999999999),
        ("1769541612369.9999", 1769541612369999),
        ("1769541612369123.9", 1769541612369123),
        ("\u200b1769541612\ufeff", 1769541612000000),
        (" 1769541612\n", 1769541612000000),
        ("1.769541612E+9", 1769541612000000),
        ("1769541612" + "0" * 5000 + "e-5000", 1769541612000000),
        (1769541612.25, 1769541612250000),
        (1769541612.123456, 1769541612123456),
        (1.769541612e9, 1769541612000000),
    ],
)
def test_a_number_is_this_instant(value: Any, microseconds: int) -> None:
    assert parse_timestamp(value) == microseconds


@pytest.mark.parametrize(
    "value",
    [
        0,
        5,
        -1,
        10**8 - 1,
        "99999999.999999999",
        10**20,
        "100000000000000000000.5",
        -1769541612,
        "-1769541612",
        10**400,
        "1" * 10_000,
        "1e999999999999999999999",
        "1e-999999999999999999999",
        "0e99",
        "0.0",
        0.5,
        1e300,
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        "Infinity",
        "inf",
        True,
        False,
        "true",
        None,
        "",
        " ",
        "garbage 5",
        "1769541612 s",
        "1769541612Z",
        "1_769_541_612",
        "1,769,541,612",
        "1769541612.",
        ".1769541612e10",
        "+1769541612",
        "01769541612",
        "0x6979",
        "1769541612e",
        "1769541612.5.5",
        "\u0661\u0667\u0666\u0669\u0665\u0664\u0661\u0666\u0661\u0662",
        "\uff11769541612",
        "1769541612\u00b2",
        b"1769541612",
        [1769541612],
        {"seconds": 1769541612},
    ],
)
def test_a_value_that_is_no_epoch_is_no_time(value: Any) -> None:
    assert parse_timestamp(value) is None


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.binary() | st.lists(st.integers()))
def test_nothing_whatever_raises(value: Any) -> None:
    assert parse_timestamp(value) is None or isinstance(parse_timestamp(value), int)


@given(st.text("0123456789-+:.,TtZzeE W\u200b", max_size=40))
def test_nothing_that_looks_like_a_time_raises(text: str) -> None:
    assert parse_timestamp(text) is None or isinstance(parse_timestamp(text), int)
