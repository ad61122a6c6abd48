"""Dead letters as the page shows them: by reason, and each with the head of its bytes made safe to look at. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from datasync_spider.faces.dashboard.remedies import Explanation, explain_rejection
from datasync_spider.faces.dashboard.visible import Segment, line, segments, slice_view
from datasync_spider.storage.dashboard import Row

HEAD_BYTES = 2_048


class RejectedGroup(msgspec.Struct, frozen=True):
    """All dead letters of one slice with one reason."""

    stream: str
    slice: str | None
    reason: str
    explanation: Explanation
    events: int
    replayed: int
    last_at: datetime


class RejectedGroups(msgspec.Struct, frozen=True):
    """``counted_at``: the groups are counted anew only after a while."""

    counted_at: datetime
    groups: list[RejectedGroup]


class RejectedEvent(msgspec.Struct, frozen=True):
    """``text`` shows the first ``shown_bytes`` of ``bytes``. ``position`` counts from 0; None where it is not known."""

    id: int
    stream: str
    slice: str | None
    run: int
    page: int
    position: int | None
    reason: str
    explanation: Explanation
    detail: str | None
    rejected_at: datetime
    replayed_at: datetime | None
    bytes: int
    shown_bytes: int
    text: list[Segment]


class RejectedPage(msgspec.Struct, frozen=True):
    """``next_before`` continues the list where there is more of it."""

    events: list[RejectedEvent]
    next_before: int | None


def rejected_groups(rows: list[Row], counted_at: datetime) -> RejectedGroups:
    """The groups in the order of the rows."""
    groups = [
        RejectedGroup(
            stream=line(row["stream"], 200) or "",
            slice=slice_view(row["slice"]),
            reason=line(row["reason"], 200) or "",
            explanation=explain_rejection(row["reason"]),
            events=row["events"],
            replayed=row["replayed"],
            last_at=row["last_at"],
        )
        for row in rows
    ]
    return RejectedGroups(counted_at, groups)


def rejected_page(rows: list[Row], limit: int) -> RejectedPage:
    """``rows`` may hold one more than ``limit``: the sign that there is a next page."""
    shown = rows[:limit]
    next_before = shown[-1]["rejected_id"] if len(rows) > limit else None
    return RejectedPage([_rejected_event(row) for row in shown], next_before)


def _rejected_event(row: Row) -> RejectedEvent:
    head = _whole_characters(row["head"], cut=len(row["head"]) < row["bytes"])
    return RejectedEvent(
        id=row["rejected_id"],
        stream=line(row["stream"], 200) or "",
        slice=slice_view(row["slice"]),
        run=row["run_id"],
        page=row["page_number"],
        position=row["position"] if row["position"] >= 0 else None,
        reason=line(row["reason"], 200) or "",
        explanation=explain_rejection(row["reason"]),
        detail=line(row["detail"]),
        rejected_at=row["rejected_at"],
        replayed_at=row["replayed_at"],
        bytes=row["bytes"],
        shown_bytes=len(head),
        text=segments(head),
    )


def _whole_characters(head: bytes, *, cut: bool) -> bytes:
    """Without the beginning of a character that the cut went through, which would pass for bytes that are no UTF-8."""
    if not cut:
        return head
    for length in range(1, 4):
        start = len(head) - length
        if start < 0:
            break
        lead = head[start]
        if lead & 0xC0 == 0x80:
            continue
        needed = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
        return head[:start] if needed > length else head
    return head
