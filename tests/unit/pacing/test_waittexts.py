"""Why a wait that the API asks for is not begun, in words."""

from __future__ import annotations

from datasync_spider.pacing.headers import AskedWait
from datasync_spider.pacing.waittexts import asked_by, too_long_text

NOW = 1_796_000_000.0
DAY = AskedWait(86_400.0, "Retry-After: 86400")


def test_an_answer_is_named_by_its_status_and_its_words() -> None:
    assert asked_by(503, "Retry-After: 86400") == "503, Retry-After: 86400"
    assert asked_by(403, "") == "403"
    assert asked_by(None, "Retry-After: 5") == "Retry-After: 5"


def test_it_says_until_when_and_how_to_lift_it() -> None:
    words = too_long_text(DAY, "503, Retry-After: 86400", 3_600.0, NOW, is_kept=False)
    assert words == (
        "the API asks for no request before 2026-12-01 00:53:20 UTC, in 1 d 0 h (503, Retry-After: 86400), which is"
        " after the end of API_RATE_LIMIT_WAIT_BUDGET_MS of 3600000 (1 h 00 min): raise API_RATE_LIMIT_WAIT_BUDGET_MS"
        " to wait for it"
    )


def test_of_a_refusal_it_says_that_no_run_asks_before() -> None:
    words = too_long_text(DAY, "429, Retry-After: 86400", 3_600.0, NOW, is_kept=True)
    assert "until then no run asks" in words
    assert words.endswith("set ingestion_credentials.closed_until to NULL in the row that scrapy status names")


def test_what_is_no_wait_in_any_unit_has_no_moment() -> None:
    asked = AskedWait(1e15, "Retry-After: 9999999999999999", is_plausible=False)
    words = too_long_text(asked, f"503, {asked.source}", 60.0, NOW, is_kept=False)
    assert words.startswith("the API asks for a wait that no unit makes plausible (503, Retry-After: 9999999999999999)")
    assert "API_RATE_LIMIT_WAIT_BUDGET_MS of 60000 (1 min 00 s)" in words
