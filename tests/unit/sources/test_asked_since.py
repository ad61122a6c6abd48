"""What a file says of streams that are asked for what is not older than a time, and how that time is written."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from datasync_spider.sources.spec import Incremental, Stream
from datasync_spider.sources.timetexts import check_form, instant_ms, unit_us, written, written_us
from tests.support.sourcetexts import REMOVED
from tests.unit.sources.streams import reported, stream

SINCE = {"type": "since"}


def asked(way: dict[str, Any], **more: Any) -> Stream:
    """As a stream whose query says nothing of times, unless more is said."""
    return stream("incremental", way, **{"query": {"limit": "{page_size}"}, **more})


def refused(way: dict[str, Any], **more: Any) -> str:
    return reported("incremental", way, **{"query": {"limit": "{page_size}"}, **more})


def test_a_parameter_may_be_named_or_the_slot_may_stand_where_it_goes() -> None:
    named = asked({**SINCE, "param": "updated_after", "format": "s", "overlap": "1m", "lag": 30, "start": "2024-01-01"})
    assert named.query == (("limit", "{page_size}"), ("updated_after", "{since}"))
    assert named.incremental == Incremental(
        type="since", format="s", start="2024-01-01", overlap_seconds=60.0, lag_seconds=30.0
    )
    in_query = asked({**SINCE, "inclusive": False}, query={"limit": "{page_size}", "q": "updated>{since}"})
    assert in_query.incremental == Incremental(type="since", inclusive=False)
    assert asked({**SINCE, "start": date(2024, 1, 1)}, url="/since/{since}").incremental.start == "2024-01-01"


def test_what_a_stream_lacks_that_asks_so_is_said() -> None:
    assert refused(SINCE).startswith("incremental is since, and nothing says where the time goes")
    assert refused(SINCE, url="/since/{since}").startswith("incremental.start is missing, and url holds {since}")
    without = {"time": REMOVED, "version": "revision"}
    assert refused({**SINCE, "param": "since"}, **without).startswith("incremental is since, and no record has a time")
    twice = {"query": {"limit": "{page_size}", "since": "2020"}}
    assert refused({**SINCE, "param": "since"}, **twice).startswith("incremental is asked from by since, which stands")


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("start", "yesterday"),
        ("start", 5),
        ("overlap", -1),
        ("overlap", "1 week"),
        ("lag", True),
        ("inclusive", "no"),
        ("param", ""),
        ("param", "{since}"),
        ("conditional", 1),
    ],
)
def test_wrong_values_are_refused(key: str, wrong: Any) -> None:
    slot = {"query": {"limit": "{page_size}", "since": "{since}"}}
    found = refused({**SINCE, key: wrong}, **({} if key == "param" and wrong else slot))
    assert found.startswith(f"incremental.{key} ")


@pytest.mark.parametrize("key", ["param", "start", "overlap", "lag", "inclusive"])
def test_what_belongs_to_it_goes_with_nothing_else(key: str) -> None:
    found = refused({"type": "known", key: "1"})
    assert found.startswith(f"incremental.{key} goes with since")
    assert found.endswith("only; allowed: no such key")


def test_conditions_go_alone_and_with_any_type_but_with_get_only() -> None:
    assert asked({"type": "conditional"}).incremental == Incremental(type="none", conditional=True)
    assert asked({"type": "known", "conditional": True}).incremental == Incremental(type="known", conditional=True)


@pytest.mark.parametrize("order", ["oldest-first", "none"])
def test_any_order_goes_with_a_time(order: str) -> None:
    assert asked({**SINCE, "param": "since"}, order=order).order == order


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2023-11-14T22:13:20.123Z"),
        ("s", "1700000000"),
        ("ms", "1700000000123"),
        ("us", "1700000000123456"),
        ("ns", "1700000000123456000"),
    ],
)
def test_a_time_is_never_written_as_a_later_one(form: str, text: str) -> None:
    assert written_us(1_700_000_000_123_456, form) == text
    assert written(instant_ms("2023-11-14T22:13:20+00:00"), form) == written_us(1_700_000_000_000_000, form)


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01T00:00:00", "2024-01-01T01:00:00+01:00"])
def test_a_time_in_a_file_is_utc_where_it_says_nothing_else(text: str) -> None:
    assert instant_ms(text) == 1_704_067_200_000


@pytest.mark.parametrize(
    ("form", "text", "unit"),
    [
        ("%Y-%m-%d", "2024-02-29", 86_400_000_000),
        ("%Y%m%d%H", "2024022923", 3_600_000_000),
        ("%d/%m/%Y %H:%M", "29/02/2024 23:59", 60_000_000),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-02-29T23:59:58Z", 1_000_000),
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-02-29T23:59:58.765432", 1),
    ],
)
def test_a_pattern_writes_a_time_in_utc_as_finely_as_it_can(form: str, text: str, unit: int) -> None:
    instant = instant_ms("2024-02-29T23:59:58.765") * 1_000 + 432
    check_form(form)
    assert written_us(instant, form) == text
    assert unit_us(form) == unit


@pytest.mark.parametrize("form", ["isoformat", "", "%H:%M", "%Y-%m", "%Y %d"])
def test_a_pattern_that_writes_different_days_alike_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"none of these|alike"):
        check_form(form)
