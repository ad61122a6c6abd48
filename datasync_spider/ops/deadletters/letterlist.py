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
from datasync_spider.storage.deadletters import Chosen, LetterCount, LetterGroup, ListedLetter

_SHOWN_CHARACTERS = 200
_EXAMPLE_CHARACTERS = 60
# A character takes up to four bytes in UTF-8, and one more tells that there is more.
HEAD_BYTES = 4 * (_SHOWN_CHARACTERS + 1)


def shown(head: bytes, longest: int = _SHOWN_CHARACTERS) -> str:
    """The beginning of an event for people; bytes that are no UTF-8 come out as escapes, too."""
    return visible(head.decode("utf-8", "backslashreplace"), longest)


def as_report(
    chosen: Chosen, count: LetterCount, groups: Sequence[LetterGroup], letters: Sequence[ListedLetter]
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
                "events": group.letters,
                "replayed": group.replayed,
                "bytes": group.size_bytes,
                "first_at": group.first_at.isoformat(),
                "last_at": group.last_at.isoformat(),
                "example": {"id": group.example_id, "bytes": group.example_bytes, "text": shown(group.head)},
            }
            for group in groups
        ],
        "events": [_event(letter) for letter in letters],
    }


def _event(letter: ListedLetter) -> dict[str, Any]:
    return {
        "id": letter.rejected_id,
        "run": letter.run_id,
        "page": letter.page_number,
        "position": letter.position if letter.position >= 0 else None,
        "reason": visible(letter.reason),
        "detail": None if letter.detail is None else visible(letter.detail, _SHOWN_CHARACTERS),
        "bytes": letter.size_bytes,
        "rejected_at": letter.rejected_at.isoformat(),
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
        "text": shown(letter.head),
    }


def as_lines(
    chosen: Chosen, count: LetterCount, groups: Sequence[LetterGroup], letters: Sequence[ListedLetter]
) -> list[str]:
    """Groups first, then the single ones."""
    lines = [_headline(chosen, count)]
    if groups:
        width = max(len("reason"), *(len(visible(group.reason)) for group in groups))
        lines += ["", f"{'events':>9}  {'reason':<{width}}  {'first seen':<19}  {'last seen':<19}  the newest one"]
        lines += [_group_line(group, width) for group in groups]
    if letters:
        total = sum(group.letters for group in groups)
        lines += ["", f"the newest {len(letters):,} of {total:,}:" if len(letters) < total else "newest first:"]
    for letter in letters:
        lines += _letter_lines(letter)
    return lines


def _headline(chosen: Chosen, count: LetterCount) -> str:
    replayed = f"{count.replayed:,} were settled by a replay"
    if chosen.with_replayed:
        told = f"{count.open + count.replayed:,} rejected events, of which {replayed}"
    else:
        told = f"{count.open:,} rejected events" + (f" ({replayed}; --all lists them too)" if count.replayed else "")
    filters = [f"reason {visible(chosen.reason)}"] if chosen.reason is not None else []
    filters += [f"run {chosen.run_id}"] if chosen.run_id is not None else []
    return f"stream {chosen.slice}{''.join(f', {text}' for text in filters)}: {told}"


def _group_line(group: LetterGroup, width: int) -> str:
    example = f"#{group.example_id} {shown(group.head, _EXAMPLE_CHARACTERS)}"
    reason = visible(group.reason)
    return f"{group.letters:>9,}  {reason:<{width}}  {_time(group.first_at)}  {_time(group.last_at)}  {example}"


def _letter_lines(letter: ListedLetter) -> list[str]:
    position = f"position {letter.position}" if letter.position >= 0 else "position unknown"
    detail = f" ({visible(letter.detail, _SHOWN_CHARACTERS)})" if letter.detail else ""
    replayed = f", replayed {_time(letter.replayed_at)}" if letter.replayed_at else ""
    place = f"#{letter.rejected_id} run {letter.run_id}, page {letter.page_number}, {position}"
    return [
        f"{place}: {visible(letter.reason)}{detail}, {letter.size_bytes:,} bytes{replayed}",
        f"    {shown(letter.head)}",
    ]


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
