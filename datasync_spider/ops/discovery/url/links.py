"""Next pages that are named by their URLs: in the header Link, in the body, or in a header of the API's own."""

from __future__ import annotations

from collections.abc import Iterator

from datasync_spider.errors import PageUnreadable
from datasync_spider.ops.discovery.url.layout import Layout
from datasync_spider.ops.discovery.url.names import plain
from datasync_spider.ops.discovery.url.probe import Seen
from datasync_spider.ops.discovery.url.proposal import (
    NEXT_HEADER,
    NEXT_URLS,
    Proposal,
    around,
    follow,
    is_forward,
    is_reference,
    says_next,
    title,
)
from datasync_spider.sources.linkheader import references
from datasync_spider.sources.paths import Path


def linked(page: Seen) -> Iterator[Proposal]:
    """By the header Link."""
    try:
        found = references(page.headers.get("link", ()), "next", page.wish.url)
    except PageUnreadable:
        return
    if found and (wish := follow(page, found[0])) is not None:
        yield Proposal("link:next", "url", wish, 'the header Link has rel="next"')


def urls_in_body(page: Seen, layout: Layout) -> Iterator[Proposal]:
    """Under a name that speaks of the next page; also where null stands there."""
    for steps, value in around(page, layout):
        if plain(steps[-1]) not in NEXT_URLS or not says_next(steps) or not is_forward(steps):
            continue
        path = Path(steps)
        if is_reference(value) and (wish := follow(page, value)) is not None:
            yield Proposal(f"body:{path}", "url", wish, f"{path} is a URL")
        elif value is None and plain(steps[-1]) not in {"nextpage", "href", "url", "link"}:
            yield Proposal(f"body:{path}", "url", None, f"{path} is null")


def urls_in_headers(page: Seen) -> Iterator[Proposal]:
    """In a header whose name speaks of the next page."""
    for name, values in page.headers.items():
        is_meant = name != "link" and NEXT_HEADER.fullmatch(name) and len(values) == 1 and is_reference(values[0])
        if is_meant and (wish := follow(page, values[0])) is not None:
            yield Proposal(f"header:{title(name)}", "url", wish, f"the header {title(name)} is a URL")
