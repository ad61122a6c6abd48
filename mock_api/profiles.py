"""Other ways of paging than the events': `GET link/records` as GitHub pages, `GET offset/records` by offset and limit.

Those of `styles` are answered here, too.

The order of the checks is that of the events: key, rate window, the request's form, then faults. A page is a position
from the newest record on, so in a collection that grows records come again, as they do with such APIs.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from mock_api.calls import Call
from mock_api.faultplan import FaultPlan
from mock_api.feed import Feed
from mock_api.limits import RateLimits
from mock_api.mishaps import answer_instead, mark_delivery
from mock_api.nested import nested_page
from mock_api.records import Records, link_record, offset_record
from mock_api.replies import Reply, error_reply, json_reply
from mock_api.styles import style_of, styled

MAX_RECORDS = 100
"""On a page; more is cut silently."""
_DEFAULT_PER_PAGE = 30
_DEFAULT_LIMIT = 20
_DEFAULT_NESTED = 100
_MOST_DIGITS = 15


class BadNumberError(Exception):
    """A parameter is no number, or one that makes no sense; carries its name."""


class Profiles:
    """Their endpoints."""

    def __init__(
        self, records: Records, feed: Feed, max_limit: int, limits: RateLimits, plan: FaultPlan, latency_ms: float
    ) -> None:
        self._records = records
        self._feed = feed
        self._max_limit = max_limit
        self._limits = limits
        self._plan = plan
        self._latency_ms = latency_ms

    def link(self, call: Call) -> Reply:
        """A page of the list, with links to others in the header `Link`."""
        return self._answer("link", call, self._link_page)

    def offset(self, call: Call) -> Reply:
        """A page within an envelope that counts all."""
        return self._answer("offset", call, self._offset_page)

    def styled(self, call: Call) -> Reply:
        """A page in the style that the path names."""
        return self._answer("styles", call, partial(styled, self._records, style_of(call.path)))

    def nested(self, call: Call) -> Reply:
        """A page of the feed's events, each within an object, as a list."""
        return self._answer("nested", call, self._nested_page)

    def _answer(self, endpoint: str, call: Call, page: Callable[[Call], Reply]) -> Reply:
        rate_fields, refusal = self._limits.admit(call.key_or_none, call.moment)
        if refusal is not None:
            return refusal
        try:
            good = page(call)
        except BadNumberError as exc:
            reply = error_reply(400, "Bad Request", f"{exc} must be a number that makes sense", "BAD_PARAMETER")
        else:
            faults = self._plan.pick(endpoint)
            reply = answer_instead(faults, self._limits, call.moment) or good
            reply.delay_ms = self._latency_ms
            mark_delivery(reply, faults)
        reply.headers += rate_fields
        return reply

    def _nested_page(self, call: Call) -> Reply:
        size = min(_number(call, "limit", _DEFAULT_NESTED, 1), self._max_limit)
        before = _number(call, "before", 0, 1) if "before" in call.params else None
        return nested_page(self._feed, call, size, before)

    def _link_page(self, call: Call) -> Reply:
        size = min(_number(call, "per_page", _DEFAULT_PER_PAGE, 1), MAX_RECORDS)
        page = _number(call, "page", 1, 1)
        ages = self._records.ages((page - 1) * size, size)
        reply = json_reply([link_record(self._records.seed, age) for age in ages])
        reply.served = len(ages)
        last = -(-self._records.total // size)
        if last > 1:
            reply.headers.append(("Link", ", ".join(_links(call, page, last))))
        return reply

    def _offset_page(self, call: Call) -> Reply:
        size = min(_number(call, "limit", _DEFAULT_LIMIT, 1), MAX_RECORDS)
        ages = self._records.ages(_number(call, "offset", 0, 0), size)
        items = [offset_record(self._records.seed, age) for age in ages]
        reply = json_reply({"meta": {"count": self._records.total}, "result": {"items": items}})
        reply.served = len(ages)
        return reply


def _links(call: Call, page: int, last: int) -> list[str]:
    """In GitHub's order. The titles are for clients that split at every comma."""
    pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    if page >= last:
        del pages["next"], pages["last"]
    if page <= 1:
        del pages["prev"], pages["first"]
    return [
        f'<{_url(call, number)}>; title="page {number} of {last}, <not/this>; rel=\\"next\\""; rel="{relation}"'
        for relation, number in pages.items()
    ]


def _url(call: Call, page: int) -> str:
    """That of another page: all that was asked for stands in it, whatever it is."""
    params = {**call.params, "page": str(page)}
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in params.items())
    # Without a host no one could say more.
    return f"http://{call.host}{call.path}?{query}" if call.host else f"{call.path}?{query}"


def _number(call: Call, name: str, default: int, least: int) -> int:
    text = call.params.get(name)
    if text is None:
        return default
    if len(text) > _MOST_DIGITS or not text.isascii() or not text.isdigit() or int(text) < least:
        raise BadNumberError(name)
    return int(text)
