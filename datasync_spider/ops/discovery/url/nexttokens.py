"""Next pages that a token asks for: in the body, in a header, or as a map of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.names import is_scalar, members, plain
from datasync_spider.ops.discovery.url.parameters import token_parameters
from datasync_spider.ops.discovery.url.probe import Seen
from datasync_spider.ops.discovery.url.proposal import (
    NEXT_HEADER,
    NEXT_URLS,
    TOKENS,
    Proposal,
    around,
    is_forward,
    is_reference,
    says_next,
    title,
)
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.paths import Path, parse_path

_OBJECTS = frozenset({"continue", "querycontinue", "nextparams", "nextquery", "nextparameters", "next"})


def merged_objects(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    """Maps of parameters, all of which go into the next request."""
    for steps, value in around(page, layout):
        name = plain(steps[-1])
        is_map = isinstance(value, dict) and value and all(is_scalar(one) for one in value.values())
        if not is_map or name not in _OBJECTS:
            continue
        if any(is_reference(one) for one in value.values()) or any(plain(key) in NEXT_URLS for key in value):
            continue
        if len(value) == 1 and name == "next":
            # One token, whose parameter may have another name.
            continue
        query = {key: str(one) for key, one in value.items()}
        yield Proposal(f"object:{Path(steps)}", None, target.wish(query), f"{Path(steps)} holds parameters")


def tokens_in_body(target: Target, page: Seen, layout: Layout) -> Iterator[Proposal]:
    """Under a name that many APIs give to one."""
    found = [(steps, value) for steps, value in around(page, layout) if _is_token(steps, value)]
    found.sort(key=lambda one: (not says_next(one[0]), plain(one[0][-1]) in {"token", "offset", "cursor"}))
    proposed = [list(_of_token(target, page, layout, steps, value)) for steps, value in found]
    # The best guess of each place before the second best of any.
    for index in range(max(map(len, proposed), default=0)):
        yield from (ways[index] for ways in proposed if index < len(ways))


def _is_token(steps: Sequence[str], value: Any) -> bool:
    if plain(steps[-1]) not in TOKENS or not is_forward(steps):
        return False
    is_text = isinstance(value, str) and value and not value.startswith(("http://", "https://"))
    return bool(is_text) or (isinstance(value, int) and not isinstance(value, bool) and says_next(steps))


def _of_token(target: Target, page: Seen, layout: Layout, steps: tuple[str, ...], value: Any) -> Iterator[Proposal]:
    path = Path(steps)
    for place in _named_by_links(page, str(value)):
        yield Proposal(f"body:{path}", f"query:{place}", target.wish({place: str(value)}), f"{path}, which a link has")
    for to in token_parameters(target, steps, value, len(layout.records)):
        kind, _, name = to.partition(":")
        in_query = kind == "query"
        wish = target.wish({name: str(value)}) if in_query else target.wish(body={parse_path(name): value})
        yield Proposal(f"body:{path}", to, wish, f"{path} looks like a token")


def _named_by_links(page: Seen, value: str) -> Iterator[str]:
    """Parameters that hold the value in some URL of the body, whatever that URL is for."""
    for _, text in members(page.body):
        if is_reference(text) and "?" in text:
            yield from (name for name, one in parse_qsl(urlsplit(text).query) if one == value)


def tokens_in_headers(target: Target, page: Seen) -> Iterator[Proposal]:
    """In a header whose name speaks of the next page."""
    for name, values in page.headers.items():
        value = values[0] if len(values) == 1 else ""
        if name == "link" or not NEXT_HEADER.fullmatch(name) or not value or is_reference(value):
            continue
        words = name.split("-")
        parameter = "page" if value.isdigit() and "page" in words else "cursor"
        own = [own for own, _ in target.query if plain(own) == plain(parameter)]
        for to in (*own, parameter, *(() if value.isdigit() else ("page_token", "continuationToken", "after"))):
            wish = target.wish({to: value})
            yield Proposal(
                f"header:{title(name)}",
                f"query:{to}",
                wish,
                f"the header {title(name)} holds {'a number' if value.isdigit() else 'a token'}",
            )
