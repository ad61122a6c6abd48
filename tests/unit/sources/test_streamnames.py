"""A stream's name that the database does not know: what is said of it, and where nothing is."""

from __future__ import annotations

import pytest

from datasync_spider.sources.streamnames import NO_SLICE, label, new, unknown


@pytest.mark.parametrize("known", [[], ["events"], ["orders", "events"]])
def test_a_stream_that_there_is_and_the_first_of_all_are_not_doubted(known: list[str]) -> None:
    assert new("events", known) is None


def test_what_there_is_is_listed_and_the_closest_is_guessed() -> None:
    reported = "this database has: orders, events (did you mean events?)"
    assert unknown("evnets", "{}", ["orders", "events"]) == f"there is no stream evnets, which STREAM names: {reported}"
    assert unknown("events", "{}", []) == "there is no stream events, which STREAM names: this database has: none yet"
    assert new("evnets", ["orders", "events"]) == f"stream evnets is new; {reported}"
    assert new("shipments", ["orders", "events"]) == "stream shipments is new; this database has: orders, events"


def test_a_slice_that_is_not_there_is_named() -> None:
    assert unknown("events", "acme", ["events"]).startswith("the stream events has no slice acme, which SLICE names")


def test_a_slice_is_shown_with_its_stream_and_no_slice_is_not_shown() -> None:
    assert label("events", NO_SLICE) == "events"
    assert label("orders", '{"tenant":"a"}') == 'orders {"tenant":"a"}'


def test_of_many_streams_the_first_are_listed() -> None:
    known = [f"stream-{n}" for n in range(1200)]
    reported = new("events", known)
    assert reported is not None
    assert reported.endswith("stream-8, stream-9 and 1,190 more")
