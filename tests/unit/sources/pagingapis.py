"""APIs in miniature, one for each way of paging, as the conformance kit asks them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from datasync_spider.sources.paginators.protocol import Answer
from datasync_spider.sources.paths import MISSING, parse_path
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.spec import End, EndFlag, FormBody, JsonBody, Next
from datasync_spider.testing.paginators import PAGE_SIZE, Server


def parameter(request: PageRequest, name: str) -> str | None:
    values = parse_qs(urlsplit(request.url).query, keep_blank_values=True).get(name)
    return None if values is None else values[-1]


def answer(
    url: str,
    body: Any = None,
    headers: Mapping[str, Sequence[str]] | None = None,
    records: int = 1,
    page_size: int | None = None,
    last: Any = None,
) -> Answer:
    return Answer(url, headers or {}, body, records, page_size, last)


def member(request: PageRequest, path: str) -> Any:
    """Of the body, which must be there and JSON."""
    assert request.method == "POST"
    assert ("Content-Type", "application/json") in request.headers
    return parse_path(path).read(json.loads(request.body or b""))


class CursorApi(Server):
    """Two places of the body may name the next page, and a flag says whether there is one."""

    next_ = Next(
        source="body", to="query", paths=(parse_path("page.next"), parse_path('"next.token"')), parameter="cursor"
    )
    own = (("limit", "3"), ("kind", "a b"))
    end = End(flags=(EndFlag(path=parse_path("page.more"), value=False),))

    def asked(self, request: PageRequest) -> str | None:
        assert parameter(request, "limit") == "3"
        assert parameter(request, "kind") == "a b"
        return parameter(request, "cursor")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(
            request.url, {"page": {"next": following, "more": following is not None}, "data": []}, records=records
        )

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, {"page": {"next": "a"}, "next.token": "b"})
        yield answer(request.url, {"page": {"next": 1}, "next.token": "2"})

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        for odd in (["a"], {"a": 1}, True, 1.5, "a\0b"):
            yield answer(request.url, {"page": {"next": odd}})


class HeaderApi(Server):
    """The cursor is in a header, and only there."""

    next_ = Next(source="header", to="query", name="X-Next-Page", parameter="page", keep=("limit",))
    own = (("limit", "3"), ("kind", "a"))

    def asked(self, request: PageRequest) -> str | None:
        page = parameter(request, "page")
        assert parameter(request, "limit") == "3"
        assert parameter(request, "kind") == ("a" if page is None else None)
        return page

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, [], {"x-next-page": [following or ""]}, records)

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, [], {"x-next-page": ["a", "b"]})


class LinkApi(Server):
    """As GitHub: absolute links, all of the request's parameters in them."""

    next_ = Next(source="link", to="url", name="next")
    base_url = "https://api.example.com/v3?tenant=1"
    own = (("per_page", "3"),)

    def asked(self, request: PageRequest) -> str | None:
        assert parameter(request, "per_page") == "3"
        assert request.url.startswith("https://api.example.com/v3/records?tenant=1&per_page=3")
        return parameter(request, "page")

    def link(self, following: str) -> str:
        # Escaped as some servers do it, and not as we would: less of it, and in small letters.
        page = re.sub("%..", lambda escape: escape[0].lower(), quote(following, safe="/:,;@"))
        return f"https://api.example.com/v3/records?tenant=1&per_page=3&page={page}"

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        first = '<https://api.example.com/v3/records?per_page=3>; rel="first"; title="a, b; rel=\\"next\\""'
        following_link = [] if following is None else [f'<{self.link(following)}>; rel="next"']
        return answer(request.url, [], {"link": [", ".join([first, *following_link])]}, records)

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, [], {"link": ["</a>; rel=next", "</b>; rel=next"]})

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        for odd in ("<ftp://a/b>; rel=next", "<https://u:p@api.example.com/>; rel=next", "https://a/b; rel=next"):
            yield answer(request.url, [], {"link": [odd]})


class HrefApi(Server):
    """As JSON:API: an object with a relative link in the body; the last page has null."""

    next_ = Next(source="body", to="url", paths=(parse_path("links.next"), parse_path("next_url")))

    def asked(self, request: PageRequest) -> str | None:
        return parameter(request, "page[after]")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        link = None if following is None else {"href": f"records?page%5Bafter%5D={quote(following, safe='')}#top"}
        return answer(request.url, {"links": {"next": link}}, records=records)

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, {"links": {"next": {"href": "?a=1"}}, "next_url": "?a=2"})

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        for odd in (5, ["/a"], {"href": 5}, True, "/a\0", "/a b", "/a\\b", "javascript:alert(1)", "https:///a"):
            yield answer(request.url, {"links": {"next": odd}})


class OffsetApi(Server):
    """It ends with an empty page."""

    next_ = Next(source="counter", to="query", name="offset", parameter="skip")
    own = (("limit", "3"),)
    names = "offset"
    end = End(empty=True)

    def asked(self, request: PageRequest) -> str | None:
        assert parameter(request, "limit") == "3"
        return parameter(request, "skip")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, {"result": []}, records=records, page_size=PAGE_SIZE)


class ShortPagesApi(OffsetApi):
    """It promises full pages, and ends with one that is not."""

    end = End(short=True)


class SearchApi(Server):
    """As Notion: the cursor goes from the body of the answer into that of the next request."""

    next_ = Next(source="body", to="body", paths=(parse_path("next_cursor"),), path=parse_path("page.start_cursor"))
    method = "POST"
    body = JsonBody(value={"page": {"size": 3}, "query": "{ records(first: 3) { id } }"})
    end = End(flags=(EndFlag(path=parse_path("has_more"), value=False),))

    def asked(self, request: PageRequest) -> str | None:
        assert member(request, "page.size") == 3
        assert member(request, "query") == "{ records(first: 3) { id } }"
        found = member(request, "page.start_cursor")
        return None if found is MISSING else found

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        said: dict[str, Any] = {"next_cursor": following, "has_more": following is not None, "results": []}
        return answer(request.url, said, records=records)

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        odds: tuple[Any, ...] = (True, [], {}, float("inf"), "a\0b")
        for odd in odds:
            yield answer(request.url, {"next_cursor": odd, "has_more": True})


class FormApi(Server):
    """A form that is sent again with the cursor, and without what has no business beside it."""

    next_ = Next(source="header", to="body", name="X-Next", path=parse_path('"page[after]"'), keep=("limit",))
    method = "POST"
    body = FormBody(fields=(("limit", "3"), ("sort", "a b")))

    def asked(self, request: PageRequest) -> str | None:
        fields = parse_qs((request.body or b"").decode(), keep_blank_values=True)
        after = fields.get("page[after]", [None])[0]
        assert fields["limit"] == ["3"]
        assert fields.get("sort") == (["a b"] if after is None else None)
        return after

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, [], {"x-next": [following or ""]}, records)

    def can_name(self, name: str) -> bool:
        return name.isascii() and name.strip() == name


class TokenHeaderApi(Server):
    """As Cosmos DB: a header of the answer goes back in a header of the request."""

    next_ = Next(source="header", to="header", name="X-Ms-Continuation", parameter="X-Ms-Continuation")

    def asked(self, request: PageRequest) -> str | None:
        return dict(request.headers).get("X-Ms-Continuation")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, [], {"x-ms-continuation": [following or ""]}, records)

    def can_name(self, name: str) -> bool:
        return name.isascii()

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, [], {"x-ms-continuation": ["a", "b"]})

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, [], {"x-ms-continuation": ["\u00fc"]})


class LastIdApi(Server):
    """As Stripe: the id of the last record, and a flag."""

    next_ = Next(source="last", to="query", paths=(parse_path("id"),), parameter="starting_after")
    own = (("limit", "3"),)
    end = End(flags=(EndFlag(path=parse_path("has_more"), value=False),))
    names_from_empty_pages = False

    def asked(self, request: PageRequest) -> str | None:
        return parameter(request, "starting_after")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        said: dict[str, Any] = {"has_more": following is not None, "data": []}
        return answer(request.url, said, records=records, last={"id": following or "the last"} if records else None)

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        lasts: tuple[Any, ...] = ({}, {"id": None}, {"id": ["a"]}, {"id": "a\0"}, None, [])
        for last in lasts:
            yield answer(request.url, {"has_more": True}, last=last)


class SortKeyApi(Server):
    """As Elasticsearch: a list out of the last record, and the token of a view that changes or is not there."""

    next_ = Next(
        source="last",
        to="body",
        paths=(parse_path("sort"),),
        path=parse_path("search_after"),
        beside=(Next(source="body", to="body", paths=(parse_path("pit_id"),), path=parse_path("pit.id")),),
    )
    method = "POST"
    body = JsonBody(value={"size": 3, "pit": {"id": "opened", "keep_alive": "1m"}})
    end = End(empty=True)

    def asked(self, request: PageRequest) -> str | None:
        after = member(request, "search_after")
        assert member(request, "pit.id") == ("opened" if after is MISSING or len(after[1]) % 2 else "changed")
        return None if after is MISSING else after[1]

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        key = following or "the last"
        said = {"hits": []} if len(key) % 2 else {"hits": [], "pit_id": "changed"}
        return answer(request.url, said, records=records, last={"sort": [Decimal("1.10"), key]} if records else None)

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, {"pit_id": "changed"}, last={"id": 1})


class TwoHeadersApi(Server):
    """As Azure's tables: two headers go into two parameters, and one of them may be missing."""

    next_ = Next(
        source="header",
        to="query",
        name="x-next-partition",
        parameter="NextPartitionKey",
        beside=(Next(source="header", to="query", name="x-next-row", parameter="NextRowKey"),),
    )
    own = (("$top", "3"),)

    def asked(self, request: PageRequest) -> str | None:
        row, partition = parameter(request, "NextRowKey"), parameter(request, "NextPartitionKey")
        assert partition in {None, "p", "q"}
        assert (row is None) == (partition != "p")
        return "a" if partition == "q" else row

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        if following is None:
            return answer(request.url, {"value": []}, {}, records)
        row = {"x-next-partition": ["p"], "x-next-row": [following]}
        return answer(request.url, {"value": []}, {"x-next-partition": ["q"]} if following == "a" else row, records)

    def contradictions(self, request: PageRequest) -> Iterator[Answer]:
        yield answer(request.url, {}, {"x-next-partition": ["p"], "x-next-row": ["a", "b"]})


class ContinueApi(Server):
    """As MediaWiki: a map that is merged into the query."""

    next_ = Next(source="object", to="query", paths=(parse_path("continue"),))
    own = (("list", "recentchanges"), ("rclimit", "3"))

    def asked(self, request: PageRequest) -> str | None:
        assert parameter(request, "list") == "recentchanges"
        assert parameter(request, "page") in {None, "7"}
        return parameter(request, "rccontinue")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        said = {} if following is None else {"continue": {"rccontinue": following, "page": 7}}
        return answer(request.url, {**said, "query": {}}, records=records)

    def unreadable(self, request: PageRequest) -> Iterator[Answer]:
        for odd in (["a"], "a", True, {"a": True}, {"a": {"b": 1}}, {"a": "\0"}, {"a": None}):
            yield answer(request.url, {"continue": odd})


class MarkApi(Server):
    """As Solr: it begins with a star, and ends with the token that was asked for."""

    next_ = Next(source="body", to="query", paths=(parse_path("nextCursorMark"),), parameter="cursorMark", first="*")
    end = End(repeat=True)
    first = "*"

    def asked(self, request: PageRequest) -> str | None:
        mark = parameter(request, "cursorMark")
        return None if mark == "*" else mark

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        mark = following or parameter(request, "cursorMark")
        return answer(request.url, {"nextCursorMark": mark, "response": {}}, records=records)

    def can_name(self, name: str) -> bool:
        return name != "*"


class NoContentApi(Server):
    """It names a next page for ever, and ends with a status."""

    next_ = Next(source="body", to="query", paths=(parse_path("next"),), parameter="after")
    end = End(statuses=(204,))

    def asked(self, request: PageRequest) -> str | None:
        return parameter(request, "after")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, {"next": following}, records=records)


class PagesApi(Server):
    """Pages by number, from 1, until one is empty."""

    next_ = Next(source="counter", to="query", name="page", parameter="page")
    names = "page"
    end = End(empty=True)

    def asked(self, request: PageRequest) -> str | None:
        return parameter(request, "page")

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, {"items": []}, records=records, page_size=PAGE_SIZE)


class PagesInABodyApi(Server):
    """The number is one of JSON, counted from 0, and 404 is behind the last page."""

    next_ = Next(source="counter", to="body", name="page", path=parse_path("paging.page"), first=0)
    method = "POST"
    names = "page"
    end = End(statuses=(404,))

    def asked(self, request: PageRequest) -> str | None:
        number = member(request, "paging.page")
        assert isinstance(number, int)
        return str(number + 1)

    def answer(self, request: PageRequest, records: int, following: str | None) -> Answer:
        return answer(request.url, {"items": []}, records=records)


APIS: Iterable[Any] = (
    CursorApi(),
    HeaderApi(),
    LinkApi(),
    HrefApi(),
    OffsetApi(),
    ShortPagesApi(),
    SearchApi(),
    FormApi(),
    TokenHeaderApi(),
    LastIdApi(),
    SortKeyApi(),
    TwoHeadersApi(),
    ContinueApi(),
    MarkApi(),
    NoContentApi(),
    PagesApi(),
    PagesInABodyApi(),
)
