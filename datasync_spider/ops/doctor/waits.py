"""Whether the API has asked this credential to stay away, so that a crawl would wait, or end at once. Pure."""

from __future__ import annotations

from datasync_spider.observe.columns import duration
from datasync_spider.ops.doctor.finding import Finding, problem, warning
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.pacing.waittexts import until_text

PART = "api"


def check_waits(credential_id: int | None, closed: Closed, budget_seconds: float, now_epoch: float) -> list[Finding]:
    """``credential_id``: the row that says so. ``closed``: what the API has asked for, from now on; 0 is nothing."""
    closed_seconds, advised_seconds = closed
    until = until_text(closed_seconds, now_epoch)
    refused = f"a refusal for the rate said no request with this credential before {until}"
    if closed_seconds > budget_seconds:
        remedy = (
            "wait until then, or raise API_RATE_LIMIT_WAIT_BUDGET_MS; if you know better,"
            f" set ingestion_credentials.closed_until to NULL where credential_id is {credential_id}"
        )
        return [problem(PART, f"{refused}: a crawl would end without one", remedy)]
    seconds = max(closed_seconds, min(advised_seconds, budget_seconds))
    if seconds <= 0:
        return []
    why = refused if closed_seconds >= seconds else "an answer to another run with this credential asked for it"
    return [warning(PART, f"a crawl would first wait {duration(seconds)}: {why}", "start it then, or let it wait")]
