"""Proves a source's file with at most three requests: positions that lead on, ids, times, the order, and ``since``.

Invariant: three requests at most, none after an answer that says to wait; what could not be proven is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning
from datasync_spider.ops.doctor.firstpage import Look
from datasync_spider.records.event import Event
from datasync_spider.sources.streamnames import label
from datasync_spider.sync.plan import SyncPlan

Asking = Callable[[SyncPlan, str | None], Look]
_SURE = 5
_LONGEST_WAIT_SECONDS = 10.0
_NO_MORE = "the API asks not to be asked any more for now"


def prove(plan: SyncPlan, ask: Asking) -> list[Finding]:
    """``ask`` sends one request for the page at a position."""
    part = label(plan.spec.name, plan.spec.slice)
    first = ask(plan, None)
    findings = [*_check_page(part, first)]
    if first.page is None or not first.events:
        return findings
    pages, left = [first], 2
    if first.page.next_cursor is None and plan.page_size is not None and len(first.events) > 1:
        # All came at once: in smaller pages there is something to follow.
        plan = replace(plan, page_size=max(1, len(first.events) // 2))
        smaller = ask(plan, None) if _may_ask(first) else first
        pages, left = [smaller], 1
    following = None if pages[0].page is None else pages[0].page.next_cursor
    if following is None:
        remedy = "nothing, if the API has no more; else look at next and end"
        findings.append(warning(part, "no position was given: that it leads on could not be proven", remedy))
    elif not _may_ask(pages[-1]):
        findings.append(warning(part, f"the second page was not asked for: {_NO_MORE}", "look again later"))
    else:
        pages.append(ask(plan, following))
        left -= 1
        findings += _check_second(part, *pages)
    findings += [*_check_ids(part, pages), *_check_order(part, plan, pages)]
    if plan.stream.incremental.type == "since" or (plan.takes("since") and plan.stream.time):
        findings += _prove_since(part, plan, ask, pages, left)
    return findings


def _may_ask(seen: Look) -> bool:
    return not seen.refuses and (seen.wait_seconds or 0.0) <= _LONGEST_WAIT_SECONDS


def _check_page(part: str, seen: Look) -> list[Finding]:
    if seen.page is None or seen.parsed is None:
        status = "" if seen.status is None else f"status {seen.status}: "
        wait = f"; it may be asked again after {seen.wait_seconds:.0f} s" if seen.wait_seconds else ""
        remedy = "look at url, records, next, end and auth; scrapy crawl NAME --dry-run shows the request"
        return [problem(part, f"the first answer is no page: {status}{seen.trouble}{wait}", remedy)]
    count = len(seen.page.raw_events)
    findings = []
    if not count:
        findings.append(
            warning(part, "the first page holds no record: nothing could be proven", "look at url and query")
        )
    elif not seen.events:
        why = ", ".join(sorted({one.reason for one in seen.parsed.rejected}))
        findings.append(problem(part, f"none of {count} records could be stored: {why}", "look at id and records"))
    else:
        findings.append(fine(part, f"the first page was read: {count} records"))
    if seen.events and seen.parsed.rejected:
        why = ", ".join(sorted({one.reason for one in seen.parsed.rejected}))
        text = f"{len(seen.parsed.rejected)} of {count} records would be rejected: {why}"
        findings.append(warning(part, text, "look at id; what is rejected is kept as dead letters"))
    return findings


def _check_second(part: str, first: Look, second: Look) -> list[Finding]:
    if second.page is None:
        status = "" if second.status is None else f"status {second.status}: "
        return [problem(part, f"the position does not lead to a page: {status}{second.trouble}", "look at next")]
    if not second.events:
        text = "the position leads to a page without records"
        return [warning(part, text, "nothing, if the API has no more; else look at next")]
    known = {event.event_id for event in first.events}
    repeated = sum(event.event_id in known for event in second.events)
    if repeated == len(second.events):
        text = "the position does not advance: the second page holds records of the first one only"
        return [problem(part, text, "look at next: the API may take its parameter under another name")]
    if second.page.next_cursor is not None and second.page.next_cursor == (first.page and first.page.next_cursor):
        return [problem(part, "the second page names the same position again", "look at next")]
    return [fine(part, f"the position advances: {len(second.events) - repeated} other records on the second page")]


def _check_ids(part: str, pages: Sequence[Look]) -> list[Finding]:
    ids = [event.event_id for page in pages for event in page.events]
    repeated = len(ids) - len(set(ids))
    if not repeated:
        return [fine(part, f"no id comes twice among {len(ids)} records")]
    remedy = "name an id that is unique, or several with all; nothing, if records move while pages are read"
    return [warning(part, f"{repeated} of {len(ids)} ids come more than once", remedy)]


def _check_order(part: str, plan: SyncPlan, pages: Sequence[Look]) -> list[Finding]:
    order = plan.stream.order
    events = [event for page in pages for event in page.events]
    times = [event.occurred_at_us for event in events if event.occurred_at_us is not None]
    # That none is named is a finding of the file.
    findings = _check_times(part, events, len(times)) if plan.stream.time else []
    if len(set(times)) < 2:
        if order == "none":
            return findings
        text = f"order is {order}, which {len(times)} times that do not differ could not prove"
        return [*findings, warning(part, text, "say none, unless the API promises it")]
    rises = sum(earlier < later for earlier, later in pairwise(times))
    falls = sum(earlier > later for earlier, later in pairwise(times))
    against = {"newest-first": rises, "oldest-first": falls}.get(order, 0)
    if against:
        text = f"order is {order}, and {against} of {len(times)} times are against it: records would be lost"
        return [*findings, problem(part, text, 'say order = "none", or ask for the order with a parameter')]
    if order != "none":
        return [*findings, fine(part, f"order is {order}, as {len(set(times))} different times say")]
    looks = "newest-first" if not rises else "oldest-first" if not falls else None
    if looks is not None and len(set(times)) >= _SURE:
        return [*findings, fine(part, f"order is none, and it looks like {looks}: say so if the API promises it")]
    return findings


def _check_times(part: str, events: Sequence[Event], read: int) -> list[Finding]:
    if not events or read == len(events):
        return [fine(part, f"all {read} times are read")] if read else []
    text = f"{len(events) - read} of {len(events)} records have no time that is read"
    return [warning(part, text, "look at time, its path and its format")]


def _times(pages: Sequence[Look]) -> list[int]:
    """Those that differ, in whole seconds, since an API may be asked for no others."""
    found = [event.occurred_at_us for page in pages for event in page.events]
    return sorted({time // 1_000_000 for time in found if time is not None})


def _prove_since(part: str, plan: SyncPlan, ask: Asking, pages: Sequence[Look], left: int) -> list[Finding]:
    """Asks for what is at or after the middle of what was seen, and looks whether anything is older."""
    # Of the first page, where they do: it is what comes again where since is ignored, and some of it is older then.
    times = max(_times(pages[:1]), _times(pages), key=lambda times: min(len(times), 3))
    if len(times) < 3 or not left or not _may_ask(pages[-1]):
        text = "since could not be proven: " + ("the times do not differ" if len(times) < 3 else "no request was left")
        return [warning(part, text, "look again when there are more records")]
    middle_ms = times[len(times) // 2] * 1_000
    seen = ask(replace(plan, since_ms=middle_ms), None)
    if seen.page is None:
        status = "" if seen.status is None else f"status {seen.status}: "
        remedy = "look at incremental, its param and its format"
        return [problem(part, f"the API does not take since: {status}{seen.trouble}", remedy)]
    found = [event.occurred_at_us for event in seen.events if event.occurred_at_us is not None]
    if not found:
        return [problem(part, "asked for since, the API gives no record, though there are some", "look at its format")]
    older = sum(time < middle_ms * 1000 for time in found)
    if older:
        text = (
            f"since is ignored, or goes by another time: {older} of {len(found)} records are older than what was asked"
        )
        return [problem(part, text, "look at incremental and time: both must be about the same one")]
    return [fine(part, f"since works: none of {len(found)} records is older than what was asked for")]
