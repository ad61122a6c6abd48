"""A stream's name that the database does not know: what is said of it, and where nothing is."""

from __future__ import annotations

import pytest

from datasync_spider.streamnames import new, unknown


@pytest.mark.parametrize("known", [[], ["events"], ["orders", "events"]])
def test_a_stream_that_there_is_and_the_first_of_all_are_not_doubted(known: list[str]) -> None:
    assert (unknown("events", known), new("events", known)) == (None, None)


def test_what_there_is_is_listed_and_the_closest_is_guessed() -> None:
    told = "this database has: orders, events (did you mean events?)"
    assert unknown("evnets", ["orders", "events"]) == f"there is no stream evnets, which STREAM names: {told}"
    assert new("evnets", ["orders", "events"]) == f"stream evnets is new; {told}"
    assert new("shipments", ["orders", "events"]) == "stream shipments is new; this database has: orders, events"


def test_of_many_streams_the_first_are_listed() -> None:
    known = [f"stream-{n}" for n in range(1200)]
    told = new("events", known)
    assert told is not None
    assert told.endswith("stream-8, stream-9 and 1,190 more")
