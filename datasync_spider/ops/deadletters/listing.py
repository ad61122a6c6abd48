"""Dead letters as lines for a terminal, and as a report for programs. Pure.

Invariant: what an API sent never reaches a terminal as it is. Whatever could move the cursor, change colours, reorder
text or hide is written as an escape, and no text is longer than a few lines; the exact bytes are given by their number
alone, elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from datasync_spider.observe.display import visible
from datasync_spider.storage.deadletters import Chosen, DeadLetterCount, DeadLetterGroup, ListedDeadLetter

_SHOWN_CHARACTERS = 200
_EXAMPLE_CHARACTERS = 60
# A character takes up to four bytes in UTF-8, and one more shows that there is more.
HEAD_BYTES = 4 * (_SHOWN_CHARACTERS + 1)


def shown(head: bytes, longest: int = _SHOWN_CHARACTERS) -> str:
    """The beginning of an event for people; bytes that are no UTF-8 come out as escapes, too."""
    return visible(head.decode("utf-8", "backslashreplace"), longest)


def as_report(
    chosen: Chosen, count: DeadLetterCount, groups: Sequence[DeadLetterGroup], dead_letters: Sequence[ListedDeadLetter]
) -> dict[str, Any]:
    """``text`` is for people: ``scrapy rejected --raw`` has the bytes."""
    return {
        "stream": chosen.slice.stream,
        "slice": chosen.slice.name,
        "open": count.open,
        "replayed": count.replayed,
        "groups": [
            {
                "reason": visible(group.reason),
                "events": group.dead_letters,
                "replayed": group.replayed,
                "bytes": group.size_bytes,
                "first_at": group.first_at.isoformat(),
                "last_at": group.last_at.isoformat(),
                "example": {"id": group.example_id, "bytes": group.example_bytes, "text": shown(group.head)},
            }
            for group in groups
        ],
        "events": [_event(entry) for entry in dead_letters],
    }


def _event(entry: ListedDeadLetter) -> dict[str, Any]:
    return {
        "id": entry.rejected_id,
        "run": entry.run_id,
        "page": entry.page_number,
        "position": entry.position if entry.position >= 0 else None,
        "reason": visible(entry.reason),
        "detail": None if entry.detail is None else visible(entry.detail, _SHOWN_CHARACTERS),
        "bytes": entry.size_bytes,
        "rejected_at": entry.rejected_at.isoformat(),
        "replayed_at": entry.replayed_at.isoformat() if entry.replayed_at else None,
        "text": shown(entry.head),
    }


def as_lines(
    chosen: Chosen, count: DeadLetterCount, groups: Sequence[DeadLetterGroup], dead_letters: Sequence[ListedDeadLetter]
) -> list[str]:
    """Groups first, then the single ones."""
    lines = [_headline(chosen, count)]
    if groups:
        width = max(len("reason"), *(len(visible(group.reason)) for group in groups))
        lines += ["", f"{'events':>9}  {'reason':<{width}}  {'first seen':<19}  {'last seen':<19}  the newest one"]
        lines += [_group_line(group, width) for group in groups]
    if dead_letters:
        total = sum(group.dead_letters for group in groups)
        lines += [
            "",
            f"the newest {len(dead_letters):,} of {total:,}:" if len(dead_letters) < total else "newest first:",
        ]
    for entry in dead_letters:
        lines += _dead_letter_lines(entry)
    return lines


def _headline(chosen: Chosen, count: DeadLetterCount) -> str:
    replayed = f"{count.replayed:,} were resolved by a replay"
    if chosen.with_replayed:
        reported = f"{count.open + count.replayed:,} rejected events, of which {replayed}"
    else:
        reported = f"{count.open:,} rejected events" + (
            f" ({replayed}; --all lists them too)" if count.replayed else ""
        )
    filters = [f"reason {visible(chosen.reason)}"] if chosen.reason is not None else []
    filters += [f"run {chosen.run_id}"] if chosen.run_id is not None else []
    return f"stream {chosen.slice}{''.join(f', {text}' for text in filters)}: {reported}"


def _group_line(group: DeadLetterGroup, width: int) -> str:
    example = f"#{group.example_id} {shown(group.head, _EXAMPLE_CHARACTERS)}"
    reason = visible(group.reason)
    return f"{group.dead_letters:>9,}  {reason:<{width}}  {_time(group.first_at)}  {_time(group.last_at)}  {example}"


def _dead_letter_lines(entry: ListedDeadLetter) -> list[str]:
    position = f"position {entry.position}" if entry.position >= 0 else "position unknown"
    detail = f" ({visible(entry.detail, _SHOWN_CHARACTERS)})" if entry.detail else ""
    replayed = f", replayed {_time(entry.replayed_at)}" if entry.replayed_at else ""
    place = f"#{entry.rejected_id} run {entry.run_id}, page {entry.page_number}, {position}"
    return [
        f"{place}: {visible(entry.reason)}{detail}, {entry.size_bytes:,} bytes{replayed}",
        f"    {shown(entry.head)}",
    ]


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
