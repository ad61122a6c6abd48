"""Whether the API has asked earlier runs to stay away, so that a crawl would wait, or end without a request. Pure."""

from __future__ import annotations

from datasync_spider.doctor.finding import Finding, problem, warning
from datasync_spider.progress.askedwaits import until_words
from datasync_spider.progress.words import duration

PART = "api"


def judge_waits(
    closed_seconds: float, advised_seconds: float, budget_seconds: float, now_epoch: float
) -> list[Finding]:
    """What a refusal for the rate, and what other answers have asked for, in seconds from now; 0 is nothing."""
    refused = f"a refusal for the rate said no request before {until_words(closed_seconds, now_epoch)}"
    if closed_seconds > budget_seconds:
        remedy = "wait until then, or raise API_RATE_LIMIT_WAIT_BUDGET_MS; if you know better, set closed_until to NULL"
        return [problem(PART, f"{refused}: a crawl would end without one", remedy)]
    seconds = max(closed_seconds, min(advised_seconds, budget_seconds))
    if seconds <= 0:
        return []
    why = refused if closed_seconds >= seconds else "an answer to an earlier run asked for it"
    return [warning(PART, f"a crawl would first wait {duration(seconds)}: {why}", "start it then, or let it wait")]
