"""Events that an item pipeline has had in its hands: each comes out once, usable or with a reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageLost
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.records.modified import as_columns

FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
HUGE: Any = 1 << 70
TEXT: Any = "{}"
NOTHING: Any = None

event_ids = st.one_of(
    st.text("aé☃ \0\n\u200b", max_size=4),
    st.sampled_from(["", " ", "a\0", "\ud800", "\u200b", "x" * 1000, "x" * 1001, "é" * 500, "é" * 501, "a b"]),
    st.sampled_from([None, 7, b"a", 1.5, True]),
)
times = st.one_of(
    st.none(),
    st.integers(FIRST_US, LAST_US),
    st.sampled_from([FIRST_US - 1, LAST_US + 1, HUGE, 1.5, "now", True]),
)


def _is_usable(event_id: Any, time_us: Any) -> bool:
    """By the rules as the pages have them."""
    try:
        fits = 0 < len(event_id.encode()) <= 1000 and "\0" not in event_id
    except (AttributeError, UnicodeEncodeError):
        return False
    shows = any(character.isprintable() and not character.isspace() for character in event_id)
    is_time = time_us is None or (type(time_us) is int and FIRST_US <= time_us <= LAST_US)
    return fits and shows and is_time


@given(st.lists(st.tuples(event_ids, times)))
def test_every_event_comes_out_once_whatever_its_id_and_time(pairs: list[tuple[Any, Any]]) -> None:
    known = RejectedEvent(4, "no_id", b"{}")
    events = [Event(event_id, time_us, b"%d" % place) for place, (event_id, time_us) in enumerate(pairs)]
    columns = as_columns(1, events, [known])
    usable = [event for event in events if _is_usable(event.event_id, event.occurred_at_us)]
    assert columns.events == usable
    assert columns.rejected[0] == known
    assert [one.raw for one in columns.rejected[1:]] == [event.payload for event in events if event not in usable]


def one_rejected(event_id: Any, time_us: Any = None) -> RejectedEvent:
    (rejected,) = as_columns(1, [Event(event_id, time_us, b"{}")], []).rejected
    return rejected


@pytest.mark.parametrize(
    ("event_id", "time_us", "reason", "detail"),
    [
        ("a\0b", None, "id_nul", "the id 'a\\x00b'"),
        ("", None, "id_empty", "the id ''"),
        ("\u200b", None, "id_empty", "the id '\\u200b'"),
        ("\ud800", None, "lone_surrogate", "the id '\\ud800'"),
        ("x" * 1001, None, "id_too_long", f"the id '{'x' * 60}'… of 1,001 characters"),
        (7, None, "id_wrong_type", "an id of type int"),
        ("a", 1.5, "time_wrong_type", "a time of type float"),
        ("a", HUGE, "time_out_of_range", "a time outside of the years 1 to 9999"),
        (7, 1.5, "id_wrong_type", "an id of type int"),
    ],
)
def test_a_rejected_event_says_what_the_pipeline_gave_it(event_id: Any, time_us: Any, reason: str, detail: str) -> None:
    rejected = one_rejected(event_id, time_us)
    assert (rejected.position, rejected.reason) == (-1, reason)
    assert rejected.detail == f"an item pipeline gave it {detail}"


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "Raw"])
@pytest.mark.parametrize("event_id", ["a", ""])
def test_bytes_of_any_kind_are_a_payload(kind: str, event_id: str) -> None:
    kinds: dict[str, Any] = {"bytes": bytes, "bytearray": bytearray, "memoryview": memoryview, "Raw": msgspec.Raw}
    columns = as_columns(1, [Event(event_id, None, kinds[kind](b"{}"))], [])
    kept = [*columns.payloads, *(one.raw for one in columns.rejected)]
    assert [(type(payload), payload) for payload in kept] == [(bytes, b"{}")]


@pytest.mark.parametrize(
    ("events", "reported"),
    [
        (None, "an object of type NoneType in place of a list of events"),
        ([{"id": "a"}], "an object of type dict in place of an Event"),
        ("ab", "an object of type str in place of an Event"),
        ([Event("a", None, TEXT)], "an object of type str in place of a payload's bytes"),
        ([Event("a", None, NOTHING)], "an object of type NoneType in place of a payload's bytes"),
    ],
    ids=["no list", "dict", "text", "text payload", "no payload"],
)
def test_what_has_no_bytes_to_keep_loses_the_page_and_is_named(events: Any, reported: str) -> None:
    with pytest.raises(PageLost, match=f"on page 3 an item pipeline has put {reported}"):
        as_columns(3, events, [])


def test_an_error_in_a_pipelines_generator_is_its_own() -> None:
    def broken() -> Any:
        yield Event("a", None, b"{}")
        raise TypeError("a bug in a user's pipeline")

    with pytest.raises(TypeError, match="a bug"):
        as_columns(1, broken(), [])
