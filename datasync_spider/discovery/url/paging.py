"""How the pages may follow each other: all ways that an answer hints at, the likeliest first, and what tries each.

Invariant: a proposal says where it was seen. Whether it is right is for the second page to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from datasync_spider.discovery.url.exchange import Seen, Wish
from datasync_spider.discovery.url.flags import Flag, find_flags
from datasync_spider.discovery.url.layout import Layout
from datasync_spider.discovery.url.names import is_scalar, members, plain
from datasync_spider.discovery.url.parameters import counters, token_parameters
from datasync_spider.discovery.url.target import Target
from datasync_spider.errors import PageUnreadable
from datasync_spider.sources.linkheader import references
from datasync_spider.sources.paths import MISSING, Path
from datasync_spider.sources.urls import resolve, same_origin

_NEXT_URLS = frozenset(
    {
        *("next", "nexturl", "nextlink", "odatanextlink", "nextpageurl", "nexthref", "nextpageuri", "nextrecordsurl"),
        *("nexturi", "nextpage", "nextpagelink", "href", "url", "link", "nextresultsurl", "nextresults"),
    }
)
_TOKENS = frozenset(
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
_OBJECTS = frozenset({"continue", "querycontinue", "nextparams", "nextquery", "nextparameters", "next"})
_HEADER = re.compile(r"(?:.*-)?(?:next|continuation)(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Proposal:
    """``source``, ``to``: as a file has them in ``next``. ``wish`` asks for the second page; None: there is none yet.

    ``counts``: the parameter is a counter's. ``first``: what that begins with, None where nothing says it. ``drops``:
    own parameters that a file must leave out. ``flags``: members that say whether there is more. ``seen_in``: for people.
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


def proposals(target: Target, page: Seen, layout: Layout, id_path: Path | None) -> list[Proposal]:
    """``id_path``: of what tells records apart, where that is one member."""
    flags = find_flags(page.body, layout.path)
    found = [
        *_links(page),
        *_urls(page, layout),
        *_header_urls(page),
        *_objects(target, page, layout),
        *_tokens(target, page, layout),
        *_header_tokens(target, page),
        *counters_of(target, page, layout),
        *_keyset(target, page, layout, id_path, flags),
        *_guessed_counters(target, page, layout),
    ]
    unlike: dict[tuple[str, str | None], Proposal] = {}
    for one in found:
        unlike.setdefault((one.source, one.to), replace(one, flags=flags))
    return list(unlike.values())


def _follow(page: Seen, reference: str) -> Wish | None:
    """A link, which is asked for by GET; None for one that leads elsewhere."""
    try:
        url = resolve(reference, page.wish.url)
        return Wish("GET", url.partition("#")[0]) if same_origin(url, page.wish.url) else None
    except ValueError:
        return None


def _links(page: Seen) -> Iterator[Proposal]:
    try:
        found = references(page.headers.get("link", ()), "next", page.wish.url)
    except PageUnreadable:
        return
    if found and (wish := _follow(page, found[0])) is not None:
        yield Proposal("link:next", "url", wish, 'the header Link has rel="next"')


def _around(page: Seen, layout: Layout) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All members of the body but those within the records."""
    records = layout.path.steps
    for steps, value in members(page.body):
        if not records or steps[: len(records)] != records:
            yield steps, value


def _is_forward(steps: Sequence[str]) -> bool:
    names = [plain(step) for step in steps]
    return not any(name.startswith(_BACKWARDS) and name not in _TOKENS for name in names)


def _says_next(steps: Sequence[str]) -> bool:
    return any("next" in plain(step) for step in steps[-2:])


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")) and len(value) > 1


def _urls(page: Seen, layout: Layout) -> Iterator[Proposal]:
    for steps, value in _around(page, layout):
        if plain(steps[-1]) not in _NEXT_URLS or not _says_next(steps) or not _is_forward(steps):
            continue
        path = Path(steps)
        if _is_reference(value) and (wish := _follow(page, value)) is not None:
            yield Proposal(f"body:{path}", "url", wish, f"{path} is a URL")
        elif value is None and plain(steps[-1]) not in {"nextpage", "href", "url", "link"}:
            yield Proposal(f"body:{path}", "url", None, f"{path} is null")


def _header_urls(page: Seen) -> Iterator[Proposal]:
    for name, values in page.headers.items():
        if name != "link" and _HEADER.fullmatch(name) and len(values) == 1 and _is_reference(values[0]):
            if (wish := _follow(page, values[0])) is not None:
                yield Proposal(f"header:{_title(name)}", "url", wish, f"the header {_title(name)} is a URL")


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _objects(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    for steps, value in _around(page, layout):
        name = plain(steps[-1])
        is_map = isinstance(value, dict) and value and all(is_scalar(one) for one in value.values())
        if not is_map or name not in _OBJECTS:
            continue
        if any(_is_reference(one) for one in value.values()) or any(plain(key) in _NEXT_URLS for key in value):
            continue
        if len(value) == 1 and name == "next":
            # One token, whose parameter may have another name.
            continue
        query = {key: str(one) for key, one in value.items()}
        yield Proposal(f"object:{Path(steps)}", None, target.wish(query), f"{Path(steps)} holds parameters")


def _tokens(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    found = [(steps, value) for steps, value in _around(page, layout) if _is_token(steps, value)]
    found.sort(key=lambda one: (not _says_next(one[0]), plain(one[0][-1]) in {"token", "offset", "cursor"}))
    proposed = [list(_of_token(target, page, steps, value)) for steps, value in found]
    # The best guess of each place before the second best of any.
    for index in range(max(map(len, proposed), default=0)):
        yield from (ways[index] for ways in proposed if index < len(ways))


def _is_token(steps: Sequence[str], value: Any) -> bool:
    if plain(steps[-1]) not in _TOKENS or not _is_forward(steps):
        return False
    is_text = isinstance(value, str) and value and not value.startswith(("http://", "https://"))
    return bool(is_text) or (isinstance(value, int) and not isinstance(value, bool) and _says_next(steps))


def _of_token(target: Target, page: Seen, steps: tuple[str, ...], value: Any) -> Iterator[Proposal]:
    path = Path(steps)
    for place in _named_by_links(page, str(value)):
        yield Proposal(f"body:{path}", f"query:{place}", target.wish({place: str(value)}), f"{path}, which a link has")
    for to in token_parameters(target, steps):
        kind, _, name = to.partition(":")
        if kind == "query":
            wish = target.wish({name: str(value)})
        else:
            wish = target.wish(body={_parsed(name): value})
        yield Proposal(f"body:{path}", to, wish, f"{path} looks like a token")


def _parsed(text: str) -> Path:
    from datasync_spider.sources.paths import parse_path

    return parse_path(text)


def _named_by_links(page: Seen, value: str) -> Iterator[str]:
    """Parameters that hold the value in some URL of the body, whatever that URL is for."""
    for _, text in members(page.body):
        if _is_reference(text) and "?" in text:
            yield from (name for name, one in parse_qsl(urlsplit(text).query) if one == value)


def _header_tokens(target: Target, page: Seen) -> Iterator[Proposal]:
    for name, values in page.headers.items():
        value = values[0] if len(values) == 1 else ""
        if name == "link" or not _HEADER.fullmatch(name) or not value or _is_reference(value):
            continue
        words = name.split("-")
        parameter = "page" if value.isdigit() and "page" in words else "cursor"
        own = [own for own, _ in target.query if plain(own) == plain(parameter)]
        for to in (*own, parameter, *(() if value.isdigit() else ("page_token", "continuationToken", "after"))):
            wish = target.wish({to: value})
            yield Proposal(f"header:{_title(name)}", f"query:{to}", wish, f"the header {_title(name)} holds {'a number' if value.isdigit() else 'a token'}")


def counters_of(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    """Counters that stand in the URL, in the data, or in the answer."""
    for kind, to, first, why in counters(target, page.body, layout.path):
        yield counting(target, kind, to, first, len(layout.records), why)


def counting(
    target: Target, kind: str, to: str, first: int | None, records: int, why: str, *, is_guess: bool = False
) -> Proposal:
    """A page or an offset as a parameter, asked for the second time. ``first`` None: 1 is tried for pages."""
    begins = first if first is not None else (1 if kind == "page" else 0)
    following = begins + (1 if kind == "page" else records)
    where, _, name = to.partition(":")
    wish = target.wish({name: str(following)}) if where == "query" else target.wish(body={_parsed(name): following})
    drops = (name,) if where == "query" and any(own == name for own, _ in target.query) else ()
    return Proposal(f"counter:{kind}", to, wish, why, kind, first, drops, is_guess=is_guess)


def _keyset(
    target: Target, page: Seen, layout: Layout, id_path: Path | None, flags: Sequence[Flag]
) -> Iterator[Proposal]:
    """The last record's id, or what it is sorted by."""
    if not layout.records:
        return
    last = layout.records[-1]
    sort = last.get("sort") if isinstance(last, dict) else None
    if isinstance(sort, list) and sort and target.data is not None:
        wish = target.wish(body={Path(("search_after",)): sort})
        yield Proposal("last:sort", "body:search_after", wish, "each record has a member sort")
    value = MISSING if id_path is None else id_path.read(last)
    if value is MISSING or (target.method != "GET" and target.data is None and target.form is None):
        return
    why = "more follows, and nothing in the body says from where" if flags else "nothing in the answer says what follows"
    names = ("starting_after", "after_id", "after", "since_id", "last_id", "cursor") if flags else ("starting_after",)
    own = [name for name, _ in target.query if plain(name) in {"startingafter", "afterid", "after", "sinceid", "since", "startafter", "lastid", "beforeid", "before", "maxid"} or plain(name).endswith(("idgt", "idlt"))]
    is_map = layout.shape == "map"
    sorted_by = f"{id_path}__gt" if is_map else None
    for name in (*own, *((sorted_by,) if sorted_by else ()), *names):
        to = f"query:{name}" if target.data is None else f"body:{name}"
        wish = target.wish({name: str(value)}) if target.data is None else target.wish(body={Path((name,)): value})
        yield Proposal(f"last:{id_path}", to, wish, why, is_guess=True)


def _guessed_counters(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    count = len(layout.records)
    if not count:
        return
    why = "nothing in the answer says what follows"
    where = "query" if target.data is None else "body"
    yield counting(target, "page", f"{where}:page", None, count, why, is_guess=True)
    yield counting(target, "offset", f"{where}:offset", 0, count, why, is_guess=True)
