"""How slices are made into bundles, and what is understood of that which a bundle's process has printed."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.fleet.dask.driver import Slice, pause_seconds, split
from datasync_spider.fleet.dask.ends import ends_of
from datasync_spider.fleet.dask.workers import key_of
from datasync_spider.fleet.roster import Turn
from datasync_spider.observe import exitcodes
from datasync_spider.spiders.stream import StreamSpider
from tests.support.plans import plan_for

PLAN = plan_for("http://127.0.0.1:1/api/v1")
A, B = ("shop.records", '{"tenant":"a"}'), ("shop.records", '{"tenant":"b"}')


def slices(count: int, alone: int = 0) -> list[Slice]:
    return [Slice(Turn(StreamSpider, PLAN), 0.0, is_alone=number < alone) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "alone", "places", "lengths"),
    [
        (0, 0, 2, []),
        (1, 0, 2, [1]),
        (5, 0, 4, [2, 2, 1]),
        (32, 0, 2, [16, 16]),
        # More than there is room for wait.
        (40, 0, 2, [16, 16]),
        (6, 2, 3, [1, 1, 4]),
        (6, 2, 1, [1]),
    ],
)
def test_slices_are_spread_over_the_places_in_bundles_of_about_one_length(
    count: int, alone: int, places: int, lengths: list[int]
) -> None:
    given = slices(count, alone)
    bundles = split(given, places, 16)
    assert [len(bundle) for bundle in bundles] == lengths
    assert all(one in given for bundle in bundles for one in bundle)
    assert len({id(one) for bundle in bundles for one in bundle}) == sum(lengths)


def test_the_same_slices_have_the_same_key_in_whatever_order() -> None:
    assert key_of(["a", "b"]) == key_of(["b", "a"]) != key_of(["a", "c"])


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_seconds(attempts) for attempts in (1, 2, 3, 7, 100)] == [1.0, 2.0, 4.0, 60.0, 60.0]


def found(*ends: dict[str, Any]) -> dict[str, Any]:
    return {"host": "m1", "ends": list(ends)}


def test_an_end_is_the_one_that_was_printed_with_the_machine_that_it_was_on() -> None:
    line = {"stream": A[0], "slice": A[1], "status": "complete", "run_id": 7, "inserted": 3, "exit_code": 0}
    ends = ends_of(found({**line, "detail": "all", "seconds": 1.5}), [A])
    assert ends[A].end.code == exitcodes.COMPLETE
    assert ends[A].end.fields["run_id"] == 7
    assert ends[A].end.fields["worker"] == "m1"
    assert ends[A].seconds == 1.5


def test_of_a_slice_that_was_not_begun_it_is_said_why() -> None:
    other = {"exit_code": 2, "detail": "SHOP_TOKEN_b is not set"}
    ends = ends_of(found(other), [B])
    assert (ends[B].end.code, ends[B].end.lines) == (2, ["on m1: SHOP_TOKEN_b is not set"])
    assert ends[B].seconds is None


def test_a_process_that_has_said_nothing_has_failed() -> None:
    ends = ends_of(found(), [A])
    assert ends[A].end.code == exitcodes.FAILED
    assert "without a word" in ends[A].end.lines[0]
