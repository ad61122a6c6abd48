"""The records of a stream as slices of another one: each different set of values once, what is deleted left out."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.spec import OfSlice, SlicesFromStream
from datasync_spider.storage.registry import StreamSpec, Tombstone
from datasync_spider.sync.slicing.parent import slices_of_parent
from tests.support.pages import event, page
from tests.support.runs import open_test_run, run_writer
from tests.support.sources import stream_spec

NUMBER: dict[str, Path | OfSlice] = {"number": parse_path("n")}


def store(url: str, spec: StreamSpec, *payloads: object, ends_pass: str | None = "last_page") -> None:
    events = [event(f"r{index}", index, json.dumps(payload).encode()) for index, payload in enumerate(payloads)]
    with run_writer(url, spec) as run:
        run.write(page(1, events, ends_pass=ends_pass))


def slices(url: str, values: dict[str, Path | OfSlice] = NUMBER) -> list[dict[str, str | int]]:
    origin = SlicesFromStream(stream="issues", values=values)
    return [dict(found) for found in slices_of_parent(origin, "forge", "forge.comments", url)]


def issues(**more: Any) -> StreamSpec:
    return stream_spec("forge.issues", source="forge", **more)


def test_each_value_is_one_slice_in_order_and_what_is_none_is_counted(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = [10, 9, "x", 9, None, 1.5, True, {"a": 1}, "", 2**60, "10"]
    store(database_url, issues(), *({"n": number} for number in numbers), {"other": 1}, {"n": "x" * 2_000})
    with caplog.at_level(logging.WARNING):
        assert slices(database_url) == [{"number": "10"}, {"number": "x"}, {"number": 9}, {"number": 2**60}]
    assert "7 records of forge.issues make no slice of forge.comments" in caplog.text
    assert "not known to be complete" not in caplog.text


def test_a_parent_that_is_deleted_makes_no_slice(database_url: str) -> None:
    spec = issues(is_mutable=True, tombstone=Tombstone(("gone",), True))
    store(database_url, spec, {"n": 1, "gone": True}, {"n": 2, "gone": False}, {"n": 3})
    assert slices(database_url) == [{"number": 2}, {"number": 3}]


def test_values_of_the_parents_own_slice_go_with_those_of_its_records(database_url: str) -> None:
    for owner, number in (("a", 1), ("b", 1), ("b", 2)):
        spec = issues(slice_name=json.dumps({"owner": owner}, separators=(",", ":")))
        events = [event(f"{owner}{number}", 1, json.dumps({"n": number}).encode())]
        with run_writer(database_url, spec) as run:
            run.write(page(1, events, ends_pass="last_page"))
    both = {**NUMBER, "owner": OfSlice(name="owner")}
    assert slices(database_url, both) == [
        {"number": 1, "owner": "a"},
        {"number": 1, "owner": "b"},
        {"number": 2, "owner": "b"},
    ]
    assert slices(database_url) == [{"number": 1}, {"number": 2}]
    assert slices(database_url, {"owner": OfSlice(name="owner")}) == [{"owner": "a"}, {"owner": "b"}]


def test_a_parent_that_was_never_crawled_is_said_and_one_without_records_gives_none(database_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"which has never been crawled: run scrapy crawl forge\.issues first"):
        slices(database_url)
    open_test_run(database_url, issues())
    with pytest.raises(ConfigurationError, match="of which none is stored and no crawl was complete"):
        slices(database_url)
    store(database_url, issues())
    assert slices(database_url) == []


def test_a_parent_on_its_way_is_used_and_warned_of(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    store(database_url, issues(), {"n": 1}, ends_pass=None)
    with caplog.at_level(logging.WARNING):
        assert slices(database_url) == [{"number": 1}]
    assert "forge.issues is not known to be complete" in caplog.text
