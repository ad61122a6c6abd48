"""Asks the API how many events it counts.

Invariant: one request for one event, under the promises of :mod:`datasync_spider.transport.apiclient`, and none before
the time that the API has asked an earlier run to wait for.
"""

from __future__ import annotations

import math

from datasync_spider.errors import ApiRefused, DatasyncError, RateLimited, Stopped
from datasync_spider.ops.verification.completeness import RemoteTotal
from datasync_spider.records.answer import check_answer
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.transport.apiclient import ApiClient

_OR_LEAVE_IT = "or leave the API out with --no-api"


def ask_total(plan: SyncPlan, closed_seconds: float) -> RemoteTotal:
    """Never raises for what the API does; Stopped may come out."""
    if closed_seconds > 0:
        wait = math.ceil(closed_seconds)
        return RemoteTotal(
            None, f"it has asked us not to ask for another {wait} s", f"verify again after that, {_OR_LEAVE_IT}"
        )
    try:
        request = plan.request(None, page_size=1)
        answer = ApiClient.of(plan).ask(request)
        asked = plan.asked(request.url, None)
        page = check_answer(plan.pages, asked, answer.status, answer.plain_headers, answer.body, answer.header_lists())
    except Stopped:
        raise
    except DatasyncError as error:
        return RemoteTotal(None, str(error), _remedy(error))
    if page.unreadable_total is not None:
        trouble = f"it gave one that cannot be read as a count of events: {page.unreadable_total}"
        return RemoteTotal(None, trouble, f"compare by other means, {_OR_LEAVE_IT}")
    return RemoteTotal(page.total)


def _remedy(error: DatasyncError) -> str:
    match error:
        case ApiRefused(status=401 | 403):
            return f"check DATASYNC_API_KEY, and whether its life of some hours is over, {_OR_LEAVE_IT}"
        case RateLimited():
            return f"verify again when the rate window is over, {_OR_LEAVE_IT}"
        case _:
            return f"see what scrapy doctor says, verify again later, {_OR_LEAVE_IT}"
