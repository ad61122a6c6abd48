"""Names of the parameters that requests are paged with: which takes a token, which counts, which says a page's size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from datasync_spider.ops.discovery.url.names import members, plain
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import Path

# By the plain name of the member that holds the token; those of the API's own URL and data come first in any case.
_TAKES: dict[str, tuple[str, ...]] = {
    "end": ("from", "start", "after"),
    "next": ("cursor", "next", "_next", "after", "page_token", "from", "offset", "start"),
    "cursor": ("cursor", "after", "next_cursor"),
    "nextcursor": ("cursor", "after", "start_cursor", "next_cursor", "starting_after"),
    "endcursor": ("after", "cursor", "endCursor"),
    "aftercursor": ("cursor", "after", "after_cursor"),
    "after": ("after", "cursor", "starting_after"),
    "startingafter": ("starting_after", "after"),
    "nextpagetoken": ("pageToken", "page_token", "nextPageToken", "page", "token"),
    "pagetoken": ("pageToken", "page_token"),
    "nexttoken": ("nextToken", "next_token", "pagination_token", "token", "cursor"),
    "nextoffset": ("offset", "skip", "start"),
    "offset": ("offset",),
    "nextskip": ("skip", "offset"),
    "nextpage": ("page", "p", "page_number", "next_page"),
    "nextstart": ("start", "offset"),
    "nextfrom": ("from", "offset"),
    "lastid": ("after", "after_id", "starting_after", "last_id", "since_id"),
    "nextid": ("cursor", "from_id", "start_id", "next_id", "after"),
    "nextbatch": ("since", "from"),
    "nextcursormark": ("cursorMark",),
    "scrollid": ("scroll_id",),
    "marker": ("marker",),
    "nextmarker": ("marker",),
    "continuation": ("continuation", "cursor"),
    "nextbookmark": ("bookmark",),
    "continuationtoken": ("continuationToken", "continuation_token", "continuation-token"),
    "nextcontinuationtoken": ("continuation-token", "continuationToken", "continuation_token"),
    "lastevaluatedkey": ("exclusiveStartKey", "start_key", "lastEvaluatedKey"),
}
_ANY = ("cursor", "after", "page_token", "pageToken", "starting_after", "next", "from", "offset", "start")
_TAKING = frozenset(plain(name) for names in (*_TAKES.values(), _ANY) for name in names) | {"cursor", "pagecursor"}
_PAGES = frozenset({"page", "pagenumber", "pageno", "pageindex", "p", "currentpage", "pagenum", "pagenr", "paged"})
_OFFSETS = frozenset(
    {"offset", "skip", "start", "startat", "startindex", "from", "firstresult", "recordoffset", "sroffset"}
)
SIZES = frozenset(
    {
        *(
            "limit",
            "pagesize",
            "perpage",
            "size",
            "first",
            "count",
            "max",
            "maxresults",
            "top",
            "take",
            "rows",
            "pagelimit",
        ),
        *("itemsperpage", "resultsperpage", "maxitems", "hitsperpage", "numresults", "n", "maxrecords", "pagecount"),
        *("rpp", "recordsperpage", "maxpagesize", "ps", "results", "pglimit", "per"),
    }
)
_PAGE_COUNTS = frozenset({"totalpages", "pagecount", "pages", "lastpage", "totalpagecount", "numpages", "pagetotal"})
_ZERO_BASED = frozenset({"pageindex", "number"})


def is_size(name: str) -> bool:
    """Whether a parameter or member of this name usually says how many records a page has."""
    bare = plain(name)
    return bare in SIZES or bare.endswith(("limit", "pagesize", "perpage")) or plain(name.rpartition("[")[2]) in SIZES


def token_parameters(target: Target, steps: tuple[str, ...], value: Any, records: int) -> list[str]:
    """Where the token may go, as a file's ``to``, the likeliest first. ``records``: how many the page has."""
    names = _TAKES.get(plain(steps[-1]), ())
    if value in {1, 2} and not isinstance(value, str):
        names = ("page", *names)
    elif value == records:
        names = ("offset", "start", "skip", *names)
    spelt = steps[-1]
    bare = re.sub(r"^_*next[_-]?", "", spelt, flags=re.IGNORECASE)
    bare = bare[:1].lower() + bare[1:] if bare[:1].isupper() and not bare.isupper() else bare
    if target.form is not None:
        return [f"body:{Path((one,))}" for one in _unlike((*names, spelt, bare, *_ANY))]
    if target.data is not None:
        return [f"body:{place}" for place in _in_data(target.data, names, spelt, bare)] + [
            f"query:{one}" for one in names[:1]
        ]
    # A parameter that is asked for already, such as cursor=*, is the one that is meant.
    own = [one for one, _ in target.query if plain(one) in _TAKING and plain(one) not in _PAGES and not is_size(one)]
    return [f"query:{one}" for one in _unlike((*own, *_spelt_alike(names, spelt), bare, spelt, *_ANY)) if one]


def _spelt_alike(names: tuple[str, ...], spelt: str) -> tuple[str, ...]:
    """Names in the spelling of the one that was seen before those in another."""
    is_camel = spelt != spelt.lower() and "_" not in spelt
    return tuple(sorted(names, key=lambda one: ("_" in one) is is_camel and one != one.lower().replace("_", "")))


def _unlike(names: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(names))


def _in_data(data: Any, names: tuple[str, ...], spelt: str, bare: str) -> Iterator[str]:
    """Places in the body: those that are there, what a GraphQL query declares, then names at its top."""
    found: list[str] = []
    for steps, value in members(data):
        if plain(steps[-1]) in _TAKING and not isinstance(value, dict | list | bool):
            found.append(str(Path(steps)))
    query = data.get("query") if isinstance(data, dict) else None
    if isinstance(query, str) and "{" in query:
        found += [f"variables.{name}" for name in re.findall(r"\bafter\s*:\s*\$(\w+)", query)]
        found += [f"variables.{name}" for name in re.findall(r"\$(\w*(?:[Cc]ursor|[Aa]fter)\w*)\s*:", query)]
        yield from _unlike(tuple(found))
        return
    nested = [
        str(Path((*steps, one)))
        for steps, value in members(data)
        if isinstance(value, dict) and plain(steps[-1]) in {"page", "pagination", "paging"}
        for one in (*names[:2], bare)
    ]
    yield from _unlike((*found, *nested, *_spelt_alike(names, spelt), bare, spelt))


def counters(target: Target, body: Any, records: Path) -> Iterator[tuple[str, str, int | None, str]]:
    """Kind, place, what it begins with, and where it was seen."""
    for name, text in target.query:
        if text.isdigit() and (kind := _kind(name)) is not None and not is_size(name):
            yield kind, f"query:{name}", int(text), f"the URL has {name}"
    for steps, value in members(target.data):
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and (kind := _kind(steps[-1])) is not None:
            yield kind, f"body:{Path(steps)}", value, f"the data has {Path(steps)}"
    where = "query" if target.data is None else "body"
    reported = [
        (steps, value)
        for steps, value in members(body)
        if isinstance(value, int)
        and not isinstance(value, bool)
        and (not records.steps or steps[: len(records.steps)] != records.steps)
    ]
    # A page's own number is surer than an offset, which some give beside it.
    for steps, value in reported:
        name = plain(steps[-1])
        is_number = name == "number" and any(plain(one[-1]) in _PAGE_COUNTS for one, _ in reported)
        if (name in _PAGES or is_number) and value in {0, 1}:
            parameter = "page" if name in {"number", "currentpage"} else steps[-1]
            yield "page", f"{where}:{parameter}", value, f"{Path(steps)} is {value}"
    for steps, value in reported:
        if plain(steps[-1]) in _OFFSETS and value in {0, 1}:
            yield "offset", f"{where}:{steps[-1]}", value, f"{Path(steps)} is {value}"
    if any(plain(steps[-1]) in _PAGE_COUNTS for steps, _ in reported):
        yield "page", f"{where}:page", None, "the answer reports how many pages there are"


def _kind(name: str) -> str | None:
    bare = plain(name)
    return "page" if bare in _PAGES else "offset" if bare in _OFFSETS else None
