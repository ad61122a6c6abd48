"""Whether a refusal that is no 429 says the same: come later, and not with this right or this request never.

Invariant: a bare 403 is a refusal for good. What makes it a rate limit is a sign that only limits have: when to come
again, a rest of nothing, or their name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from datasync_spider.records.complaint import Complaint
from datasync_spider.sources.spec import Budget

# APIs exist that refuse for the rate with 403, and with 420 or 430, which stand in no registry.
_ALSO_FOR_RATES = frozenset({HTTPStatus.FORBIDDEN, 420, 430})
_NEVER_FOR_RATES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
_NAMES = re.compile(r"rate.?limit|too.?many.?requests|throttl|slow.?down|request.?limit.?exceeded", re.IGNORECASE)
_WHEN = ("retry-after", "retry-after-ms")
_RESTS = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_NOTHING_LEFT = re.compile(r"(?:^|[;,\s])(?:r|remaining)=0(?![0-9.])")


def names_rate_limit(complaint: Complaint) -> bool:
    """Whether it names a rate limit, by its code or else in words."""
    return _NAMES.search(complaint.code or complaint.message or "") is not None


def says_rate_limited(
    status: int, headers: Mapping[str, str], complaint: Complaint, budget: Budget | None = None
) -> bool:
    """``status`` is not 429. A code may say it with any 4xx, the rest only with those that are used for it.

    ``budget``: what the source says of its API's own headers.
    """
    if not 400 <= status < 500 or status in _NEVER_FOR_RATES:
        return False
    if _NAMES.search(complaint.code or ""):
        return True
    if status not in _ALSO_FOR_RATES:
        return False
    whens = (*_WHEN, *_lower(None if budget is None else budget.retry_after))
    rests = (*_RESTS, *_lower(None if budget is None else budget.remaining))
    return (
        any(headers.get(name, "").strip() for name in whens)
        or any("0" in re.split(r"[,\s]+", headers.get(name, "")) for name in rests)
        or _NOTHING_LEFT.search(headers.get("ratelimit", "")) is not None
        or _NAMES.search(complaint.message or "") is not None
    )


def _lower(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name.lower(),)
