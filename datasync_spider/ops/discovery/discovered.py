"""A discovery as a JSON object, and that object as lines for people.

Invariant: nothing of the server's leaves here that could play tricks on a terminal, and no secret that is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec.structs import asdict

from datasync_spider.observe.display import shown_headers, shown_value
from datasync_spider.ops.discovery.envelope import Envelope
from datasync_spider.ops.discovery.eventfields import FieldUse
from datasync_spider.ops.discovery.examine import Discovery
from datasync_spider.records.event import Event
from datasync_spider.records.page import Page

_LONGEST_PAYLOAD = 400
_Shown: TypeAlias = Callable[[Any], Any]


def as_report(discovery: Discovery, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """Every part is there; what was not found is None or empty."""
    known = tuple(secrets)

    def shown(value: Any) -> Any:
        return shown_value(value, known)

    page, envelope, fields = discovery.page, discovery.envelope, discovery.fields
    return {
        "headers": [list(pair) for pair in shown_headers(discovery.headers, known)],
        "status": discovery.status,
        "readable": page is not None,
        "unreadable": shown(discovery.unreadable),
        "shape": None if envelope is None else _shape(envelope, shown),
        "event_id": _uses(fields.ids, shown) if fields else [],
        "occurred_at": _uses(fields.times, shown) if fields else [],
        "event_fields": shown(list(fields.names)) if fields else [],
        "cursor": None if page is None else _cursor(page, envelope),
        "total": page.total if page else None,
        "rate_limit": {**asdict(discovery.rate_limit), "headers": shown(list(discovery.rate_limit.headers))},
        "page_cap": asdict(discovery.cap) if discovery.cap else None,
        "samples": [_sample(event, shown) for event in discovery.samples],
        "rejected_count": discovery.rejected_count,
        "rejected": [
            {"position": event.position, "reason": event.reason, "raw": shown(_text(event.raw))}
            for event in discovery.rejected
        ],
        "does_not_fit": shown(list(discovery.misfits)),
    }


def as_lines(report: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    lines = [f"status {report['status']}", "headers:"]
    lines += [f"  {name}: {value}" for name, value in report["headers"]]
    if report["readable"]:
        lines += _page_lines(report)
    else:
        lines.append(f"no page of events: {report['unreadable']}")
    lines.append(_rate_line(report["rate_limit"]))
    lines.append("what does not fit:" if report["does_not_fit"] else "everything fits")
    lines += [f"  - {text}" for text in report["does_not_fit"]]
    for event in report["rejected"]:
        lines.append(f"    event {event['position']} ({event['reason']}): {event['raw'][:_LONGEST_PAYLOAD]}")
    return lines


def summary(report: Mapping[str, Any]) -> str:
    """The same in one line, for a log."""
    if not report["readable"]:
        return f"no page of events: {report['unreadable']}"
    shape, cap = report["shape"], report["page_cap"]
    parts = [
        f"{shape['layout']} pages in {shape['spelling']}" if shape else "pages that are no clean JSON",
        f"id from {_names(report['event_id'])}",
        f"time from {_names(report['occurred_at'])}",
        f"cursor from {(report['cursor'] or {}).get('field') or 'nowhere'}",
        f"{cap['returned']} events of {cap['asked']} asked for" if cap else "no page size",
        _rate_line(report["rate_limit"]),
    ]
    if report["does_not_fit"]:
        parts.append("does not fit: " + "; ".join(report["does_not_fit"]))
    return ", ".join(parts)


def _page_lines(report: Mapping[str, Any]) -> list[str]:
    shape, cursor, cap = report["shape"], report["cursor"], report["page_cap"]
    lines = []
    if shape:
        lines.append(f"shape: {shape['layout']}, {shape['spelling']}, events in {shape['array']}")
        lines.append("  " + ", ".join(f"{meaning}: {path}" for meaning, path in shape["paging_fields"].items()))
        if shape["other_fields"]:
            lines.append(f"  not used: {', '.join(shape['other_fields'])}")
    lines.append(f"event_id becomes {_names(report['event_id'])}")
    lines.append(f"occurred_at becomes {_names(report['occurred_at'])}")
    for use in report["occurred_at"]:
        lines += [f"  {use['name']} as {form}: {example}" for form, example in use["forms"].items()]
    life = cursor["lives_seconds"]
    lines.append(
        f"cursor: {cursor['field'] or 'none in sight'}"
        + (f", lives {life:g} s" if life is not None else ", its life is not reported")
        + ("" if cursor["has_more"] else "; this page is the last")
    )
    total = report["total"]
    lines.append(f"total: {total:,} events" if total is not None else "total: not reported")
    reported = (
        f"; {cap['told_by']} reports {cap['told']:,}"
        if cap["told"] is not None
        else "; no field reports the size applied"
    )
    lines.append(f"page: {cap['returned']:,} events of {cap['asked']:,} asked for{reported}")
    lines.append("as they would be stored:")
    for event in report["samples"]:
        payload = json.dumps(event["payload"], ensure_ascii=False)
        cut = payload if len(payload) <= _LONGEST_PAYLOAD else f"{payload[:_LONGEST_PAYLOAD]}…"
        lines.append(f"  event_id={event['event_id']} occurred_at={event['occurred_at'] or 'NULL'} payload={cut}")
    return lines


def _rate_line(rate: Mapping[str, Any]) -> str:
    if rate["limit"] is None and rate["remaining"] is None:
        return "rate limit: not reported"
    known = {
        "limit": rate["limit"],
        "remaining": rate["remaining"],
        "seconds until reset": rate["reset_after_seconds"],
        "window in seconds": rate["window_seconds"],
    }
    parts = [f"{name} {value:g}" for name, value in known.items() if value is not None]
    return f"rate limit: {', '.join(parts)} (from {', '.join(rate['headers'])})"


def _shape(envelope: Envelope, shown: _Shown) -> dict[str, Any]:
    return {
        "array": envelope.array,
        "layout": envelope.layout,
        "spelling": envelope.spelling,
        "paging_fields": {meaning: shown(path) for meaning, path in envelope.fields.items()},
        "other_fields": shown(list(envelope.others)),
    }


def _cursor(page: Page, envelope: Envelope | None) -> dict[str, Any]:
    return {
        "field": envelope.fields.get("cursor") if envelope else None,
        "has_more": page.has_more,
        "lives_seconds": page.cursor_expires_in_seconds,
    }


def _sample(event: Event, shown: _Shown) -> dict[str, Any]:
    return {
        "event_id": shown(event.event_id),
        "occurred_at": event.occurred_at.isoformat() if event.occurred_at else None,
        "payload": shown(_value(event.payload)),
    }


def _uses(uses: Iterable[FieldUse], shown: _Shown) -> list[dict[str, Any]]:
    return [
        {
            "name": shown(use.name),
            "events": use.events,
            "forms": {form: shown(example) for form, example in use.forms.items()},
        }
        for use in uses
    ]


def _names(uses: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{use['name']}" for use in uses) or "nothing"


def _value(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return _text(payload)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
