"""What a pass would take: arithmetic that people decide upon."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from datasync_spider.ops.discovery.assumptions import Wanted, assume
from datasync_spider.ops.discovery.effort import Assumptions, duration, make_plan, plan_lines, plan_report
from datasync_spider.ops.discovery.examine import Discovery, examine
from tests.support.sources import PAGES

USUAL = Assumptions(
    events=3_000_000,
    events_a_page=5000,
    page_seconds=4.0,
    requests_a_window=10,
    window_seconds=60.0,
    key_life_seconds=3 * 3600.0,
)


def test_three_million_events_in_full_pages_take_an_hour_and_a_key_lasts() -> None:
    plan = make_plan(USUAL)
    assert plan.requests == 600
    assert plan.bound_by == "rate limit"
    assert plan.seconds == 59 * 60 + 10 * 4
    assert plan.warnings == ()


def test_a_key_that_lives_three_hours_does_not_last_for_small_pages() -> None:
    plan = make_plan(replace(USUAL, events_a_page=1000))
    assert plan.requests == 3000
    assert any("a key would not last" in text for text in plan.warnings)


def test_a_key_that_would_last_only_just_is_warned_about_too() -> None:
    plan = make_plan(replace(USUAL, key_life_seconds=plan_seconds() * 1.1))
    assert any("only just" in text for text in plan.warnings)


def plan_seconds() -> float:
    return make_plan(USUAL).seconds


def test_slow_answers_bind_where_they_take_longer_than_the_window() -> None:
    plan = make_plan(replace(USUAL, page_seconds=7.0))
    assert plan.bound_by == "answers"
    assert plan.seconds == 600 * 7


def test_without_a_rate_limit_only_the_answers_take_time() -> None:
    plan = make_plan(replace(USUAL, requests_a_window=None))
    assert (plan.seconds, plan.bound_by) == (2400, "answers")


@pytest.mark.parametrize(("events", "requests"), [(0, 1), (1, 1), (5000, 1), (5001, 2), (50_000, 10), (50_001, 11)])
def test_requests_are_counted_up_and_an_empty_feed_costs_one(events: int, requests: int) -> None:
    assert make_plan(replace(USUAL, events=events)).requests == requests


def test_what_fits_into_one_window_waits_for_none() -> None:
    assert make_plan(replace(USUAL, events=50_000)).seconds == 40
    assert make_plan(replace(USUAL, events=50_001)).seconds == 64


def test_a_limit_of_nothing_is_left_out_and_said_so() -> None:
    plan = make_plan(replace(USUAL, requests_a_window=0))
    assert plan.bound_by == "answers"
    assert any("limit that is reported is 0" in text for text in plan.warnings)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.5, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"), (9000, "2 h 30 min")],
)
def test_durations_are_reported_in_units_that_people_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_plan_says_what_it_assumes() -> None:
    plan = make_plan(USUAL)
    text = "\n".join(plan_lines(plan))
    assert "10 requests each 60 s" in text
    assert "4 s a page" in text
    json.dumps(plan_report(plan))


def discovered(body: object, *headers: tuple[str, str], asked: int = 5) -> Discovery:
    return examine(PAGES, "http://127.0.0.1/events", 200, headers, json.dumps(body).encode(), 0.0, asked)


def page(**meta: object) -> dict[str, object]:
    return {"data": [{"id": "a"}], "hasMore": True, "nextCursor": "c", **meta}


def test_what_the_api_reports_is_planned_with() -> None:
    policy = ("RateLimit-Policy", '"default";q=20;w=30')
    assumed = assume(discovered(page(total=100), policy, asked=1), Wanted(page_limit=50))
    assert assumed is not None
    assert (assumed.events, assumed.events_a_page) == (100, 50)
    assert (assumed.requests_a_window, assumed.window_seconds) == (20, 30)


def test_a_window_that_is_not_reported_is_the_usual_one_or_what_is_left_of_it_if_that_is_longer() -> None:
    short = assume(discovered(page(total=1), ("X-RateLimit-Limit", "10"), ("X-RateLimit-Reset", "5")), Wanted(50))
    longer = assume(discovered(page(total=1), ("X-RateLimit-Limit", "10"), ("X-RateLimit-Reset", "90")), Wanted(50))
    assert short is not None
    assert longer is not None
    assert (short.window_seconds, longer.window_seconds) == (60, 90)


def test_a_cap_that_was_reached_is_planned_with() -> None:
    assumed = assume(discovered(page(total=100), asked=5), Wanted(page_limit=5000))
    assert assumed is not None
    assert assumed.events_a_page == 1


def test_without_a_total_the_user_must_say_how_many() -> None:
    found = discovered(page())
    assert assume(found, Wanted(page_limit=50)) is None
    assumed = assume(found, Wanted(page_limit=50, events=7))
    assert assumed is not None
    assert assumed.events == 7
