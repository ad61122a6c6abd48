"""Events follow from seed and age alone, and look like the API's."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_api.events import MAX_EVENTS, EventFactory, event_bytes, factory_for
from mock_api.feed import Feed

SEED = 7
TOTAL = 60_000


@pytest.fixture(scope="module")
def raw_events() -> list[bytes]:
    chunks = Feed(SEED, TOTAL, 1).chunks(0, TOTAL)
    return re.split(rb',(?=\{"id":")', b",".join(chunks))


@pytest.fixture(scope="module")
def events(raw_events: list[bytes]) -> list[Any]:
    return [json.loads(raw) for raw in raw_events]


def epoch_ms(event: Any) -> int:
    timestamp = event["timestamp"]
    if isinstance(timestamp, int):
        return timestamp
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def test_an_event_has_the_fields_of_the_api_in_their_order(events: list[Any]) -> None:
    for event in events[:100]:
        assert list(event) == ["id", "sessionId", "userId", "type", "name", "properties", "timestamp", "session"]
        assert list(event["session"]) == ["id", "deviceType", "browser"]
        assert event["session"]["id"] == event["sessionId"]
        for key in ("id", "sessionId", "userId"):
            assert str(UUID(event[key])) == event[key]
            assert UUID(event[key]).version == 4
        assert re.fullmatch("event_[0-9a-z]{6}", event["name"])


def test_an_event_is_about_as_large_as_a_real_one(raw_events: list[bytes]) -> None:
    assert 340 <= sum(map(len, raw_events)) / len(raw_events) <= 355


def test_types_are_as_frequent_as_in_the_real_feed(events: list[Any]) -> None:
    counts = Counter(event["type"] for event in events)
    expected = {"page_view": 1_050_459, "click": 749_415, "api_call": 300_487, "form_submit": 299_557}
    expected |= {"scroll": 150_594, "purchase": 150_087, "error": 149_884, "video_play": 149_517}
    assert counts.keys() == expected.keys()
    for kind, count in expected.items():
        assert counts[kind] / TOTAL == pytest.approx(count / 3_000_000, abs=0.006)


def test_each_session_belongs_to_one_user_and_looks_the_same_everywhere(events: list[Any]) -> None:
    facts: dict[str, set[tuple[str, str, str]]] = {}
    for event in events:
        session = event["session"]
        facts.setdefault(session["id"], set()).add((event["userId"], session["deviceType"], session["browser"]))
    assert {len(fact) for fact in facts.values()} == {1}
    assert len({event["userId"] for event in events}) == 3_000


def test_sixty_thousand_sessions_take_their_turns() -> None:
    factory = factory_for(SEED)
    sessions = set()
    for block in range(235):
        sessions |= set(re.findall(rb'"sessionId":"([^"]+)"', factory.block(block).data))
    assert 58_000 < len(sessions) <= 60_000


def test_no_two_events_share_an_id(events: list[Any]) -> None:
    assert len({event["id"] for event in events}) == TOTAL


def test_the_feed_is_ordered_by_time_and_then_by_id_both_descending(events: list[Any]) -> None:
    keys = [(epoch_ms(event), event["id"]) for event in events]
    assert keys == sorted(keys, reverse=True)


def test_one_neighbour_in_a_thousand_ties_also_across_the_border_of_round_pages(events: list[Any]) -> None:
    times = [epoch_ms(event) for event in events]
    tied = [position for position, (newer, older) in enumerate(pairwise(times)) if newer == older]
    assert 0.0009 < len(tied) / TOTAL < 0.0013
    assert any((position + 1) % 5_000 == 0 for position in tied)
    assert any(second == first + 1 for first, second in pairwise(tied)), "no run of three"


def test_every_third_event_by_age_has_a_number_for_a_timestamp(events: list[Any]) -> None:
    for age, event in enumerate(reversed(events)):
        assert isinstance(event["timestamp"], int) == (age % 3 == 0)
        assert isinstance(event["timestamp"], int) or event["timestamp"].endswith("Z")


def test_the_text_of_a_time_is_the_time_of_the_timeline(events: list[Any]) -> None:
    timeline = factory_for(SEED).timeline
    assert [epoch_ms(event) for event in reversed(events)] == [timeline.occurred_ms(age) for age in range(TOTAL)]


def test_some_values_are_lost_by_a_client_that_parses_and_writes_them_again(raw_events: list[bytes]) -> None:
    text = b"".join(raw_events)
    for value in (b"9007199254740993", b"0.1000000000000000055511151231257827", "日本語".encode(), rb"caf\u00e9"):
        assert value in text


def test_another_process_would_make_the_same_events(raw_events: list[bytes]) -> None:
    fresh = EventFactory(SEED)
    assert [fresh.event(age) for age in (0, 999, 1000, 31_234)] == [
        raw_events[TOTAL - 1 - age] for age in (0, 999, 1000, 31_234)
    ]


def test_another_seed_makes_other_events() -> None:
    assert event_bytes(0, 1, 10) != event_bytes(0, 2, 10)


@given(st.integers(0, 49), st.integers(0, 3_000))
def test_adding_events_changes_no_earlier_one(position: int, added: int) -> None:
    assert event_bytes(position, SEED, 50) == event_bytes(position + added, SEED, 50 + added)


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_any_range_is_the_events_one_by_one(first: int, second: int) -> None:
    oldest, stop = sorted((first, second))
    stop = min(stop, oldest + 8)
    feed = Feed(SEED, 5_000, 1)
    factory = factory_for(SEED)
    expected = b",".join(factory.event(age) for age in range(stop - 1, oldest - 1, -1))
    assert b",".join(feed.chunks(oldest, stop)) == expected


@given(st.integers(0, MAX_EVENTS - 1))
def test_an_id_leads_back_to_its_event(age: int) -> None:
    factory = factory_for(SEED)
    assert factory.age_of(json.loads(factory.event(age))["id"]) == age


def test_a_foreign_id_leads_nowhere() -> None:
    feed = Feed(SEED, 100, 1)
    for foreign in ("", "no-uuid", "56a349b5-0000-4000-8000-000000000000", json.loads(event_bytes(0, SEED, 101))["id"]):
        assert feed.find(foreign) is None


@pytest.mark.parametrize("position", [-1, 10])
def test_a_position_outside_of_the_feed_is_refused(position: int) -> None:
    with pytest.raises(IndexError):
        event_bytes(position, SEED, 10)


def test_made_events_stay_within_the_memory_that_they_may_have() -> None:
    feed = Feed(SEED, 20_000, 1_000_000)
    feed.chunks(0, 20_000)
    assert list(feed.prepare()), "nothing was dropped"
    assert feed._held_bytes <= 1_000_000


def test_editions_of_a_seed_have_equal_ids_and_times_and_no_event_in_common() -> None:
    editions = [factory_for(SEED, edition) for edition in (0, 1, 2)]
    for age in (0, 1, 999, 31_337):
        events = [json.loads(factory.event(age)) for factory in editions]
        assert len({event["id"] for event in events}) == len({event["timestamp"] for event in events}) == 1
        assert len({event["name"] for event in events}) == 3
        assert editions[0].event(age) == factory_for(SEED).event(age)
