"""Hostile events stand in known places, in addition to the real ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_api.feed import Feed
from mock_api.hostile import ALL_KINDS, DEFAULT_KINDS, ENORMOUS_ID_CHARACTERS, HUGE_PAYLOAD_BYTES, HostileEvents, woven
from tests.mock_api.client import ground_truth


def made(kind: str) -> bytes:
    return HostileEvents(1, [kind]).after(12)


def test_all_default_kinds_take_turns() -> None:
    hostile = HostileEvents(0.1)
    period = [hostile.kind_at(age) for age in hostile.ages_in(0, 10 * len(DEFAULT_KINDS))]
    assert sorted(period) == sorted(DEFAULT_KINDS)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.sampled_from([1, 0.5, 0.1, 0.01]))
def test_a_range_has_the_same_hostile_events_however_it_is_cut(a: int, b: int, c: int, density: float) -> None:
    oldest, between, stop = sorted((a, b, c))
    hostile = HostileEvents(density)
    assert [*hostile.ages_in(between, stop), *hostile.ages_in(oldest, between)] == [*hostile.ages_in(oldest, stop)]


def test_they_stand_between_the_real_ones_and_take_nothing_away() -> None:
    feed = Feed(1, 3_000, 1)
    hostile = HostileEvents(0.01, ["number", "no_id"])
    chunks, added = woven(feed.chunks, range(3_000), hostile)
    listed = json.loads(b"[" + b",".join(chunks) + b"]")
    assert added == 30
    real = [event for event in listed if isinstance(event, dict) and "id" in event]
    assert real == json.loads(b"[" + b",".join(feed.chunks(0, 3_000)) + b"]")
    # Of ages 2999 to 2850, 150 are real; the one after age 2950 is another hostile one.
    assert listed.index(2_850) == 151


@pytest.mark.parametrize("kind", [kind for kind in ALL_KINDS if kind not in ("very_deep_nesting", "invalid_utf8")])
def test_each_is_valid_json_all_the_same(kind: str) -> None:
    json.loads(made(kind))


def test_each_kind_is_what_its_name_says() -> None:
    assert made("null") == b"null"
    assert made("number") == b"12"
    assert "id" not in json.loads(made("no_id"))
    assert isinstance(json.loads(made("id_wrong_type"))["id"], dict)
    assert json.loads(made("empty_id"))["id"] == ""
    assert len(json.loads(made("enormous_id"))["id"]) == ENORMOUS_ID_CHARACTERS
    assert rb"\u0000" in made("nul")
    assert "\0" in json.loads(made("nul_in_id"))["id"]
    assert rb"\ud800" in made("lone_surrogate")
    assert b"1e400000" in made("huge_number")
    assert b"+999999-" in made("year_999999")
    assert made("duplicate_keys").count(b'"id":') == 2
    assert len(made("huge_payload")) > HUGE_PAYLOAD_BYTES
    with pytest.raises(UnicodeDecodeError):
        made("invalid_utf8").decode()
    with pytest.raises(RecursionError):
        json.loads(made("very_deep_nesting"))


def test_the_ground_truth_lists_them() -> None:
    options = ("--total", "400", "--malformed", "0.05")
    alone = ground_truth(*options, "--only-malformed")
    hostile = HostileEvents(0.05)
    assert alone == [hostile.after(age) for age in hostile.ages_in(0, 400)]
    mixed = ground_truth(*options)
    assert len(mixed) == 420
    assert [line for line in mixed if line not in set(alone)] == ground_truth("--total", "400")
