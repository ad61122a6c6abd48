"""APIs in miniature, one for each way of paging, as the conformance kit asks them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import End, EndFlag, Next
from datasync_spider.testing.paginators import PAGE_SIZE, Server


def parameter(url: str, name: str) -> str | None:
    values = parse_qs(urlsplit(url).query, keep_blank_values=True).get(name)
    return None if values is None else values[-1]


def answer(
    url: str,
    body: Any = None,
    headers: Mapping[str, Sequence[str]] | None = None,
    records: int = 1,
    page_size: int | None = None,
) -> Answer:
    return Answer(url, headers or {}, body, records, page_size)


class CursorApi(Server):
    """Two places of the body may name the next page, and a flag says whether there is one."""

    next_ = Next(
        source="body", to="query", paths=(parse_path("page.next"), parse_path('"next.token"')), parameter="cursor"
    )
    own = (("limit", "3"), ("kind", "a b"))
    end = End(flags=(EndFlag(path=parse_path("page.more"), value=False),))

    def asked(self, url: str) -> str | None:
        assert parameter(url, "limit") == "3"
        assert parameter(url, "kind") == "a b"
        return parameter(url, "cursor")

    def answer(self, url: str, records: int, following: str | None) -> Answer:
        return answer(url, {"page": {"next": following, "more": following is not None}, "data": []}, records=records)

    def contradictions(self, url: str) -> Iterator[Answer]:
        yield answer(url, {"page": {"next": "a"}, "next.token": "b"})
        yield answer(url, {"page": {"next": 1}, "next.token": "2"})

    def unreadable(self, url: str) -> Iterator[Answer]:
        for odd in (["a"], {"a": 1}, True, 1.5, "a\0b"):
            yield answer(url, {"page": {"next": odd}})


class HeaderApi(Server):
    """The cursor is in a header, and only there."""

    next_ = Next(source="header", to="query", name="X-Next-Page", parameter="page", keep=("limit",))
    own = (("limit", "3"), ("kind", "a"))

    def asked(self, url: str) -> str | None:
        page = parameter(url, "page")
        assert parameter(url, "limit") == "3"
        assert parameter(url, "kind") == ("a" if page is None else None)
        return page

    def answer(self, url: str, records: int, following: str | None) -> Answer:
        return answer(url, [], {"x-next-page": [following or ""]}, records)

    def contradictions(self, url: str) -> Iterator[Answer]:
        yield answer(url, [], {"x-next-page": ["a", "b"]})


class LinkApi(Server):
    """As GitHub: absolute links, all of the request's parameters in them."""

    next_ = Next(source="link", to="url", name="next")
    base_url = "https://api.example.com/v3?tenant=1"
    own = (("per_page", "3"),)

    def asked(self, url: str) -> str | None:
        assert parameter(url, "per_page") == "3"
        assert url.startswith("https://api.example.com/v3/records?tenant=1&per_page=3")
        return parameter(url, "page")

    def link(self, following: str) -> str:
        # Escaped as some servers do it, and not as we would: less of it, and in small letters.
        page = re.sub("%..", lambda escape: escape[0].lower(), quote(following, safe="/:,;@"))
        return f"https://api.example.com/v3/records?tenant=1&per_page=3&page={page}"

    def answer(self, url: str, records: int, following: str | None) -> Answer:
        first = '<https://api.example.com/v3/records?per_page=3>; rel="first"; title="a, b; rel=\\"next\\""'
        following_link = [] if following is None else [f'<{self.link(following)}>; rel="next"']
        return answer(url, [], {"link": [", ".join([first, *following_link])]}, records)

    def contradictions(self, url: str) -> Iterator[Answer]:
        yield answer(url, [], {"link": ["</a>; rel=next", "</b>; rel=next"]})

    def unreadable(self, url: str) -> Iterator[Answer]:
        for odd in ("<ftp://a/b>; rel=next", "<https://u:p@api.example.com/>; rel=next", "https://a/b; rel=next"):
            yield answer(url, [], {"link": [odd]})


class HrefApi(Server):
    """As JSON:API: an object with a relative link in the body; the last page has null."""

    next_ = Next(source="body", to="url", paths=(parse_path("links.next"), parse_path("next_url")))

    def asked(self, url: str) -> str | None:
        return parameter(url, "page[after]")

    def answer(self, url: str, records: int, following: str | None) -> Answer:
        link = None if following is None else {"href": f"records?page%5Bafter%5D={quote(following, safe='')}#top"}
        return answer(url, {"links": {"next": link}}, records=records)

    def contradictions(self, url: str) -> Iterator[Answer]:
        yield answer(url, {"links": {"next": {"href": "?a=1"}}, "next_url": "?a=2"})

    def unreadable(self, url: str) -> Iterator[Answer]:
        for odd in (5, ["/a"], {"href": 5}, True, "/a\0", "/a b", "/a\\b", "javascript:alert(1)", "https:///a"):
            yield answer(url, {"links": {"next": odd}})


class OffsetApi(Server):
    """It ends with an empty page."""

    next_ = Next(source="counter", to="query", name="offset", parameter="skip")
    own = (("limit", "3"),)
    names = "offset"
    end = End(empty=True)

    def asked(self, url: str) -> str | None:
        assert parameter(url, "limit") == "3"
        return parameter(url, "skip")

    def answer(self, url: str, records: int, following: str | None) -> Answer:
        return answer(url, {"result": []}, records=records, page_size=PAGE_SIZE)


class ShortPagesApi(OffsetApi):
    """It promises full pages, and ends with one that is not."""

    end = End(short=True)


APIS: Iterable[CursorApi | HeaderApi | LinkApi | HrefApi | OffsetApi] = (
    CursorApi(),
    HeaderApi(),
    LinkApi(),
    HrefApi(),
    OffsetApi(),
    ShortPagesApi(),
)
