"""What the keys of a stream may be and what must hold between them."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Incremental, PageSize, Tombstone
from tests.support.sourcetexts import REMOVED
from tests.unit.sources.streams import reported, stream


@pytest.mark.parametrize(
    ("written", "meant"),
    [(50, PageSize(default=50, most=50)), ({"default": 5, "max": 9}, PageSize(default=5, most=9)),
     ({"default": 5}, PageSize(default=5, most=5))],
)  # fmt: skip
def test_a_page_size_is_a_number_or_a_table(written: Any, meant: PageSize) -> None:
    assert stream("page_size", written).page_size == meant


@pytest.mark.parametrize("wrong", [0, -1, 5.0, True, "50", [50], {}, {"default": 9, "max": 5}, {"default": 0}])
def test_another_page_size_is_refused(wrong: Any) -> None:
    assert reported("page_size", wrong).startswith("page_size")


@pytest.mark.parametrize("order", ["oldest-first", "none"])
def test_stopping_at_known_records_needs_the_newest_first(order: str) -> None:
    assert reported("order", order).startswith(f"incremental is known, and order is {order}: ")
    assert stream("order", order, incremental={"type": "none", "format": "us"}).incremental == Incremental(format="us")


def test_versions_are_of_mutable_streams_only() -> None:
    assert reported("mutable", False, version=REMOVED, tombstone=REMOVED).startswith("history goes with mutable = true")
    assert reported("mutable", False, version=REMOVED, history=False).startswith("tombstone goes with mutable = true")
    assert reported("mutable", REMOVED, tombstone=REMOVED, history=REMOVED).startswith(
        "version goes with mutable = true"
    )
    assert reported("time", REMOVED, version=REMOVED).startswith("mutable is true, and nothing says which")
    assert stream("time", REMOVED).version == parse_path("revision")
    assert stream("tombstone", {"path": "state", "value": "gone"}).tombstone == Tombstone(
        path=parse_path("state"), value="gone"
    )


@pytest.mark.parametrize("key", ["version", "tombstone"])
def test_a_version_or_tombstone_within_a_list_is_not_yet_one(key: str) -> None:
    value = "a[0]" if key == "version" else {"path": "a[0]", "value": 1}
    assert "an element of a list is not understood here by this version" in reported(key, value)
