"""What an answer reports of sizes: how many records there are in all, how many a page has, and how many it may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from datasync_spider.ops.discovery.url.names import members, plain
from datasync_spider.ops.discovery.url.parameters import is_size
from datasync_spider.ops.discovery.url.probe import Seen
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import Path, whole_number

_TOTALS = (
    *("total", "totalcount", "totalresults", "totalrecords", "totalitems", "totalelements", "numfound", "totalsize"),
    *("totalhits", "resultcount", "filteredtablerowscount", "recordcount", "itemcount", "totalnumber", "hitcount"),
    *("count", "found", "matches", "size", "totalrows", "allcount", "resultscount", "value"),
)
_AT_MOST = re.compile(
    r"(?:<=|≤|at most|no more than|not exceed|cannot exceed|maximum|less than or equal(?: to)?|max|between \d+ and"
    r"|up to|exceeds?|limit of)\D{0,40}?(\d{1,6})",
    re.IGNORECASE,
)


class SizeParameter(Struct, frozen=True):
    """``to`` as in ``query:limit``; ``size``: what is asked for. ``is_tried``: so many came as were asked for."""

    to: str
    size: int
    seen_in: str
    is_tried: bool = False


def given_size(target: Target) -> SizeParameter | None:
    """Of the URL, or of the data, in which it may stand anywhere."""
    for name, text in target.query:
        if is_size(name) and text.isdigit() and int(text) > 0:
            return SizeParameter(f"query:{name}", int(text), f"the URL has {name}")
    for name, text in target.form or ():
        if is_size(name) and text.isdigit() and int(text) > 0:
            return SizeParameter(f"body:{Path((name,))}", int(text), f"the data has {name}")
    for steps, value in members(target.data):
        if is_size(steps[-1]) and isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return SizeParameter(f"body:{Path(steps)}", value, f"the data has {Path(steps)}")
    return None


def hinted_sizes(target: Target, page: Seen, records: int, following: str | None) -> list[SizeParameter]:
    """Parameters that may say it: of the link to the next page, of the answer, and those that many APIs have."""
    where = "query" if target.data is None else "body"
    found: list[SizeParameter] = []
    for name, text in _query(following):
        if is_size(name) and text.isdigit():
            found.append(SizeParameter(f"query:{name}", int(text), f"the link to the next page has {name}"))
    for steps, value in members(page.body):
        if (
            is_size(steps[-1])
            and value == records
            and not isinstance(value, bool)
            and plain(steps[-1]) not in {"count", "results"}
        ):
            found.append(SizeParameter(f"{where}:{steps[-1]}", records, f"{Path(steps)} is {value}"))
    if any(name.startswith("_") for name, _ in _query(following)):
        found += [
            SizeParameter(f"{where}:{name}", records, "the API's names begin with _") for name in ("_limit", "_size")
        ]
    names = ("page_size", "limit") if isinstance(page.body, dict) and "previous" in page.body else ("limit", "per_page")
    own = {plain(name) for name, _ in target.query}
    found += [
        SizeParameter(f"{where}:{name}", records, "many APIs call it so") for name in names if plain(name) not in own
    ]
    return list({one.to: one for one in reversed(found)}.values())[::-1]


def _query(url: str | None) -> Iterator[tuple[str, str]]:
    if url is not None:
        yield from parse_qsl(urlsplit(url).query)


def find_total(pages: Sequence[Seen], records: Path, least: int, *, more_follows: bool) -> Path | None:
    """Where each page reports the same count, which is not less than what was seen."""
    candidates = []
    for steps, value in members(pages[0].body):
        if records.steps and steps[: len(records.steps)] == records.steps:
            continue
        path, total = Path(steps), whole_number(value)
        if plain(steps[-1]) not in _TOTALS or total is None or isinstance(value, str) or total < least:
            continue
        if plain(steps[-1]) == "value" and not (len(steps) > 1 and plain(steps[-2]) in _TOTALS):
            continue
        if plain(steps[-1]) in {"count", "size", "value"} and more_follows and total <= least:
            continue
        # What is only a lower bound, as in Elasticsearch, is no total.
        if _read(pages[0].body, (*steps[:-1], "relation")) not in (None, "eq"):
            continue
        if all(path.read(page.body) == value for page in pages):
            candidates.append((_TOTALS.index(plain(steps[-1])), len(steps), path))
    return min(candidates, key=lambda one: one[:2])[2] if candidates else None


def _read(body: Any, steps: tuple[str, ...]) -> Any:
    value = Path(steps).read(body)
    return value if isinstance(value, str) else None


def largest_in(text: str) -> int | None:
    """The largest size of a page that an error names."""
    found = [int(number) for number in _AT_MOST.findall(text)]
    return min(found) if found and min(found) > 0 else None
