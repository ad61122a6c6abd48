"""One way in which pages may follow each other, and what all who look for one share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, field

from datasync_spider.ops.discovery.url.flags import Flag
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.names import members, plain
from datasync_spider.ops.discovery.url.probe import Seen, Wish
from datasync_spider.sources.urls import resolve, same_origin

NEXT_URLS = frozenset(
    {
        *("next", "nexturl", "nextlink", "odatanextlink", "nextpageurl", "nexthref", "nextpageuri", "nextrecordsurl"),
        *("nexturi", "nextpage", "nextpagelink", "href", "url", "link", "nextresultsurl", "nextresults"),
    }
)
TOKENS = frozenset(
    {
        *("next", "nextcursor", "cursor", "endcursor", "nextpagetoken", "pagetoken", "continuation", "after", "end"),
        *("continuationtoken", "nexttoken", "nextoffset", "offset", "nextpage", "nextstart", "scrollid", "marker"),
        *("nextcursormark", "resumptiontoken", "nextmarker", "lastid", "lastevaluatedkey", "nextbatch", "token"),
        *("aftercursor", "startingafter", "nextkey", "nextid", "continue", "bookmark", "nextbookmark", "searchafter"),
        *("nextforwardtoken", "nextcontinuationtoken", "pagecursor", "cursornext", "nextpageid", "nextpagecursor"),
        *("pagestate", "nextpagestate", "iterator", "nextiterator", "nextlinktoken", "lastkey", "nextskip", "nextfrom"),
    }
)
_BACKWARDS = ("prev", "previous", "first", "last", "self", "before", "start", "backward")
NEXT_HEADER = re.compile(r"(?:.*-)?(?:next|continuation)(?:-.*)?")


class Proposal(Struct, frozen=True):
    """``source``, ``to``: as a file has them in ``next``. ``wish`` asks for the second page; None: there is none yet.

    ``counts``: the parameter is a counter's. ``first``: what that begins with, None where nothing says it. ``drops``:
    own parameters that a file must leave out. ``flags``: members that say whether there is more.
    """

    source: str
    to: str | None
    wish: Wish | None
    seen_in: str
    counts: str | None = None
    first: int | str | None = None
    drops: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = field(default=())
    is_guess: bool = False


def follow(page: Seen, reference: str) -> Wish | None:
    """A link, which is asked for by GET; None for one that leads elsewhere."""
    try:
        url = resolve(reference, page.wish.url)
        return Wish("GET", url.partition("#")[0]) if same_origin(url, page.wish.url) else None
    except ValueError:
        return None


def around(page: Seen, layout: Layout) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All members of the body but those within the records."""
    records = layout.path.steps
    for steps, value in members(page.body):
        if not records or steps[: len(records)] != records:
            yield steps, value


def is_forward(steps: Sequence[str]) -> bool:
    """Whether no name on the way speaks of the page before, or of the first one."""
    names = [plain(step) for step in steps]
    return not any(name.startswith(_BACKWARDS) and name not in TOKENS for name in names)


def says_next(steps: Sequence[str]) -> bool:
    """Whether the name, or that of what it stands in, speaks of the next page."""
    return any("next" in plain(step) for step in steps[-2:])


def is_reference(value: Any) -> bool:
    """Whether it looks like a URL, or the end of one."""
    return isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")) and len(value) > 1


def title(name: str) -> str:
    """A header's name as people write it."""
    return "-".join(part.capitalize() for part in name.split("-"))
