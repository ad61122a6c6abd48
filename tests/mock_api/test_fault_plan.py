"""Which requests a fault befalls."""

from __future__ import annotations

from typing import Any

import pytest

from mock_api.faultplan import FaultPlan
from mock_api.faults import FAULTS, Rule, rule_from_text


def names(plan: FaultPlan, cursor: str | None = None, previous_cursor: str | None = None) -> list[str]:
    return [fault.name for fault in plan.pick("events", cursor=cursor, previous_cursor=previous_cursor)]


def rule(name: str, **when: Any) -> Rule:
    return Rule.from_mapping({"name": name, **when})


def test_a_count_befalls_the_next_requests_and_is_used_up() -> None:
    plan = FaultPlan(1, [rule("truncated", count=2)])
    assert [names(plan) for _ in range(3)] == [["truncated"], ["truncated"], []]
    assert plan.rules() == []


def test_numbers_count_from_the_rules_installation() -> None:
    plan = FaultPlan(1)
    names(plan)
    plan.install([rule("reset", requests=[1, 3])])
    assert [names(plan) for _ in range(4)] == [["reset"], [], ["reset"], []]


def test_a_rate_chooses_about_that_share_and_the_same_requests_again() -> None:
    chosen = []
    for _ in range(2):
        plan = FaultPlan(5, [rule("status_503", rate=0.2)])
        chosen.append([bool(names(plan)) for _ in range(2_000)])
    assert chosen[0] == chosen[1]
    assert 0.16 < sum(chosen[0]) / 2_000 < 0.24


def test_another_seed_chooses_other_requests_and_another_rule_does_not_change_the_choice() -> None:
    def chosen(seed: int, *rules: Rule) -> list[bool]:
        plan = FaultPlan(seed, rules)
        return ["slow" in names(plan) for _ in range(200)]

    assert chosen(1, rule("slow", rate=0.3)) != chosen(2, rule("slow", rate=0.3))
    assert chosen(1, rule("slow", rate=0.3)) == chosen(1, rule("status_500", rate=0.5), rule("slow", rate=0.3))


def test_delays_and_page_faults_join_others_but_of_the_rest_the_first_wins_and_a_count_waits() -> None:
    plan = FaultPlan(1, [rule(name, count=1) for name in ("slow", "short_returned", "reset", "status_500")])
    assert names(plan) == ["slow", "short_returned", "reset"]
    assert names(plan) == ["status_500"]


def test_faults_of_a_cursor_wait_for_a_request_that_has_one() -> None:
    plan = FaultPlan(1, [rule("expired_cursor", count=1)])
    assert names(plan) == []
    assert names(plan, cursor="a") == ["expired_cursor"]


def test_a_loop_waits_for_an_earlier_cursor() -> None:
    plan = FaultPlan(1, [rule("cursor_loop", count=1)])
    assert names(plan, cursor="a") == []
    assert names(plan, cursor="a", previous_cursor="a") == []
    assert names(plan, cursor="b", previous_cursor="a") == ["cursor_loop"]


def test_each_endpoint_has_its_own_faults() -> None:
    plan = FaultPlan(1, [rule("reset", rate=1, endpoint="submissions")])
    assert names(plan) == []
    assert [fault.name for fault in plan.pick("submissions")] == ["reset"]


def test_clearing_drops_every_rule() -> None:
    plan = FaultPlan(1, [rule("reset", rate=1)])
    plan.clear()
    assert names(plan) == []


def test_a_rule_of_the_command_line_has_a_rate_and_parameters() -> None:
    parsed = rule_from_text("slow=0.5,delay_ms=10")
    assert (parsed.rate, parsed.fault.params) == (0.5, {"delay_ms": 10})
    assert parsed.described() == {"name": "slow", "endpoint": "events", "rate": 0.5, "delay_ms": 10}


@pytest.mark.parametrize("name", FAULTS)
def test_a_rules_description_is_a_rule_again(name: str) -> None:
    original = rule(name, requests=[3, 1])
    assert Rule.from_mapping(original.described()) == original


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "unknown fault None"),
        ({"name": ["slow"], "rate": 1}, "unknown fault"),
        ({"name": "slow"}, "exactly one of rate, count and requests"),
        ({"name": "slow", "rate": 1, "count": 1}, "exactly one"),
        ({"name": "slow", "rate": 1.5}, "between 0 and 1"),
        ({"name": "slow", "rate": "often"}, "must be a number"),
        ({"name": "slow", "rate": float("nan")}, "must be finite"),
        ({"name": "slow", "count": 0}, "positive integer"),
        ({"name": "slow", "count": True}, "positive integer"),
        ({"name": "slow", "requests": [0]}, "list of positive integers"),
        ({"name": "slow", "rate": 1, "speed": 2}, "no parameter 'speed'"),
        ({"name": "slow", "rate": 1, "delay_ms": -1}, "out of range"),
        ({"name": "truncated", "rate": 1, "share": 2}, "out of range"),
        ({"name": "drip", "rate": 1, "bytes": 0}, "out of range"),
        ({"name": "slow", "rate": 1, "endpoint": "elsewhere"}, "unknown endpoint"),
        ({"name": "cursor_loop", "rate": 1, "endpoint": "submissions"}, "needs a page of events"),
        ({"name": "malformed_events", "rate": 1, "density": 0}, "density"),
        ({"name": "malformed_events", "rate": 1, "kinds": "null+odd"}, "unknown kind of hostile event: odd"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Rule.from_mapping(given)


@pytest.mark.parametrize("text", ["slow", "slow=1,delay_ms", "slow=", "=1"])
def test_text_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|not PARAMETER|number|unknown"):
        rule_from_text(text)
