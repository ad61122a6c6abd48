"""A record without a time has the one at which its page came, where its source says so."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paginators.choose import stream_paginator
from tests.support.sourcetexts import mistakes
from tests.unit.sources.streams import issues, stream

RECEIVED_US = 1_700_000_000_123_456
RECORDS = [
    {"id": "a", "updated_at": "2024-01-01T00:00:00Z"},
    {"id": "b"},
    {"id": "c", "updated_at": None},
    {"id": "d", "updated_at": "soon"},
]


def times(time: Any) -> list[int | None]:
    described = stream("time", time, records="@")
    pages = PageReader(described, stream_paginator(described))
    page = pages.read(json.dumps(RECORDS).encode(), {}, Asked("http://127.0.0.1/issues", None, None))
    page = msgspec.structs.replace(page, received_us=RECEIVED_US)
    parsed = page.parse()
    assert parsed.event_ids == ["a", "b", "c", "d"]
    return list(parsed.times_us)


def test_only_what_has_no_time_has_that_of_its_arrival() -> None:
    reported = 1_704_067_200_000_000
    assert times({"path": "updated_at", "missing": "received"}) == [reported, RECEIVED_US, RECEIVED_US, RECEIVED_US]
    assert times({"path": "updated_at"}) == [reported, None, None, None]


@pytest.mark.parametrize("missing", ["now", "", True])
def test_nothing_else_is_understood(missing: Any) -> None:
    found = mistakes(issues("time", {"path": "updated_at", "missing": missing}))
    assert ["time.missing" in text for text in found] == [True]


def test_a_source_in_python_says_it_as_a_file_does() -> None:
    from datasync_spider.sources.files.load import read_tables

    source = read_tables(issues("time", {"path": "updated_at", "missing": "received"}), "some.toml")
    again = checked(source, "a value")
    assert [one.time_missing for one in again.streams.values()] == ["received"]
