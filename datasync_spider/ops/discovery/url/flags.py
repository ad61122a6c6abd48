"""Members of a page that say whether another one follows."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from datasync_spider.ops.discovery.url.names import members, plain
from datasync_spider.sources.paths import Path

_MORE = frozenset(
    {
        *("hasmore", "more", "hasnext", "hasnextpage", "moreresults", "moreavailable", "morerecords", "istruncated"),
        *("hasmoreitems", "hasmoreresults", "moreitems", "nextpageavailable", "morepages", "hasmorepages"),
    }
)
_LAST = frozenset(
    {"done", "islast", "islastpage", "last", "lastpage", "endofstream", "end", "complete", "finished", "isend"}
)


class Flag(Struct, frozen=True):
    """``last``: what stands at ``path`` on the last page; ``is_last``: whether it does on the page that was seen."""

    path: Path
    last: bool
    is_last: bool


def find_flags(body: Any, records: Path) -> tuple[Flag, ...]:
    """Those around the records, of which there is seldom more than one."""
    found = []
    for steps, value in members(body):
        if not isinstance(value, bool) or (records.steps and steps[: len(records.steps)] == records.steps):
            continue
        name = plain(steps[-1])
        if name in _MORE | _LAST:
            last = name in _LAST
            found.append(Flag(Path(steps), last, value is last))
    return tuple(found)
