"""What an API has asked earlier runs for is known before a crawl is started."""

from __future__ import annotations

import math

from datasync_spider.ops.doctor.finding import Level
from datasync_spider.ops.doctor.waits import check_waits
from datasync_spider.pacing.askedwaits import Closed

NOW = 1_769_541_612.0


def test_nothing_asked_for_is_nothing_to_say() -> None:
    assert check_waits(None, Closed(), 3600.0, NOW) == []


def test_a_refusal_beyond_the_budget_is_a_problem_with_its_moment_and_the_setting() -> None:
    (finding,) = check_waits(3, Closed(86_400.0), 3600.0, NOW)
    assert finding.level is Level.PROBLEM
    assert "no request with this credential before 2026-01-28 19:20:12 UTC, in 1 d 0 h" in finding.text
    assert "API_RATE_LIMIT_WAIT_BUDGET_MS" in (finding.remedy or "")
    assert "closed_until to NULL where credential_id is 3" in (finding.remedy or "")


def test_a_moment_that_was_set_by_hand_may_be_infinity() -> None:
    (finding,) = check_waits(3, Closed(math.inf), 3600.0, NOW)
    assert (finding.level, "a hundred years" in finding.text) == (Level.PROBLEM, True)


def test_what_a_crawl_would_wait_for_is_a_warning_and_advice_binds_for_the_budget_at_most() -> None:
    (refused,) = check_waits(3, Closed(90.0, 30.0), 3600.0, NOW)
    assert (refused.level, "first wait 1 min 30 s: a refusal" in refused.text) == (Level.WARNING, True)
    (advised,) = check_waits(3, Closed(5.0, 86_400.0), 60.0, NOW)
    assert (advised.level, "first wait 1 min 00 s: an answer" in advised.text) == (Level.WARNING, True)
