"""What a crawl would store of a stream's first page, as lines for people.

Invariant: nothing is stored, and no database is needed; no secret and nothing that plays tricks on a terminal is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from datasync_spider.logs.redaction import Redactor
from datasync_spider.observe.display import visible
from datasync_spider.ops.doctor.firstpage import Look
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.streamnames import label
from datasync_spider.storage.registry import table_name
from datasync_spider.sync.plan import SyncPlan

_SHOWN_RECORDS = 3
_SHOWN_CHARACTERS = 200
_BUILT_IN_TABLE = "ingested_events"


def as_lines(plan: SyncPlan, seen: Look) -> list[str]:
    """The report of one slice."""
    redactor = Redactor([*plan.secrets])
    for name in plan.authorization.parameters:
        redactor.add_parameter(name)

    def shown(text: str) -> str:
        return visible(redactor.redact(text))

    lines = [label(plan.spec.name, plan.spec.slice), f"  asked: {_request(seen.request, shown)}"]
    if seen.page is None or seen.parsed is None:
        status = "" if seen.status is None else f"status {seen.status}: "
        return [*lines, f"  no page: {status}{shown(seen.trouble or '')}"]
    lines.append(f"  answered: status {seen.status} within {seen.seconds:.2f} s, {len(seen.page.raw_events)} records")
    lines.append(f"  table: {_table(plan)}")
    lines += _stored(seen, shown)
    lines += _rejected(seen, shown)
    if seen.page.total is not None:
        lines.append(f"  total, as the API reports it: {seen.page.total}")
    following = seen.page.next_cursor
    if following is None:
        lines.append("  next: nothing, this page is the last one")
    else:
        lines.append(f"  next: {_request(plan.request(following), shown)}")
    return lines


def is_fine(seen: Look) -> bool:
    """Whether there is a page, and not all of its records would be rejected."""
    return seen.parsed is not None and (bool(seen.parsed.events) or not seen.parsed.rejected)


def _request(request: PageRequest, shown: Callable[[str], str]) -> str:
    body = "" if request.body is None else f" {_cut(shown(request.body.decode('utf-8', 'replace')))}"
    headers = "".join(f" {name}: {shown(value)}" for name, value in request.headers if name != "Content-Type")
    return f"{request.method} {shown(request.url)}{headers}{body}"


def _table(plan: SyncPlan) -> str:
    name = _BUILT_IN_TABLE if plan.is_built_in else table_name(plan.source.name, plan.spec.name)
    return f"{plan.spec.schema}.{name}" if plan.spec.schema else name


def _stored(seen: Look, shown: Callable[[str], str]) -> list[str]:
    events = seen.events
    if not events:
        return ["  would be stored: nothing"]
    ids = [event.event_id for event in events]
    lines = [f"  would be stored: {len(events)} records, ids {shown(ids[0])} to {shown(ids[-1])}"]
    if len(set(ids)) < len(ids):
        lines.append(f"    of which {len(ids) - len(set(ids))} have an id that the page has already")
    times = [event.occurred_at_us for event in events if event.occurred_at_us is not None]
    lines.append(
        f"    times from {_moment(min(times))} to {_moment(max(times))}, {len(events) - len(times)} without one"
        if times
        else "    no times"
    )
    for event in events[:_SHOWN_RECORDS]:
        time = "-" if event.occurred_at_us is None else _moment(event.occurred_at_us)
        lines.append(f"    {shown(event.event_id)}  {time}  {_cut(shown(_text(event.payload)))}")
    return lines


def _rejected(seen: Look, shown: Callable[[str], str]) -> list[str]:
    rejected = [] if seen.parsed is None else seen.parsed.rejected
    if not rejected:
        return []
    shown_ones = [
        f"    record {one.position} ({one.reason}): {_cut(shown(_text(one.raw)))}" for one in rejected[:_SHOWN_RECORDS]
    ]
    return [f"  would be rejected: {len(rejected)} records, kept aside as dead letters", *shown_ones]


def _text(raw: object) -> str:
    text = bytes(raw).decode("utf-8", "replace") if isinstance(raw, bytes | bytearray | memoryview) else str(raw)
    return " ".join(text.split())


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
