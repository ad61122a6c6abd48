"""Ways of paging of APIs that are no one's in particular: what is proposed was tried, and is what the API does."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from jsonschema import Draft7Validator

from datasync_spider.ops.discovery.url.sourcetext import source_text
from datasync_spider.sources.files.schema import schema
from tests.support.following import walked
from tests.support.unknownapis import URL, Api, Asked, Said, looked_at, records

ALL = records()
SIZE = 10
VALIDATOR = Draft7Validator(schema())


def _page(asked: Asked, start: int, size: int = SIZE) -> list[dict[str, Any]]:
    return ALL[start : start + size]


def graphql(asked: Asked) -> Said:
    start = int(asked.body["variables"].get("after") or 0)
    size = asked.body["variables"]["first"]
    edges = [{"cursor": str(start + n + 1), "node": one} for n, one in enumerate(_page(asked, start, size))]
    info = {"hasNextPage": start + size < len(ALL), "endCursor": str(start + len(edges))}
    return Said({"data": {"allThings": {"edges": edges, "pageInfo": info, "totalCount": len(ALL)}}})


GRAPHQL = {
    "query": "query($first:Int,$after:Cursor){allThings(first:$first,after:$after){edges{cursor node{id}}}}",
    "variables": {"first": 10, "after": None},
}


def json_api(asked: Asked) -> Said:
    page = asked.number("page[number]", 1)
    link = {"href": f"/v1/things?page[number]={page + 1}&page[size]=10"}
    data = [{"type": "thing", "id": one["id"], "attributes": one} for one in _page(asked, (page - 1) * SIZE)]
    included = [{"type": "user", "id": str(n)} for n in range(50)]
    return Said({"data": data, "included": included, "links": {"self": URL, "next": link if page < 3 else None}})


def media_wiki(asked: Asked) -> Said:
    start = asked.number("apcontinue", 0)
    pages = {str(start + n): one for n, one in enumerate(_page(asked, start))}
    follows = {"continue": {"apcontinue": str(start + SIZE), "continue": "-||"}} if start + SIZE < len(ALL) else {}
    return Said({"batchcomplete": "", **follows, "query": {"pages": pages}})


def meta_next(asked: Asked) -> Said:
    start = asked.number("offset", 0)
    following = f"/v1/things?offset={start + SIZE}" if start + SIZE < len(ALL) else None
    return Said({"meta": {"next": following, "total": len(ALL)}, "objects": _page(asked, start)})


def paging_next(asked: Asked) -> Said:
    start = asked.number("after", 0)
    following = {"paging": {"next": {"after": str(start + SIZE)}}} if start + SIZE < len(ALL) else {}
    return Said({"results": _page(asked, start), **following})


def bare_pages(first: int) -> Api:
    def answer(asked: Asked) -> Said:
        return Said(_page(asked, (asked.number("page", first) - first) * SIZE))

    return answer


def reported_pages(asked: Asked) -> Said:
    page = asked.number("page", 1)
    reported = {"page": page, "total_pages": 3, "per_page": SIZE, "total": len(ALL)}
    size = asked.number("per_page", SIZE)
    return Said({"items": _page(asked, (page - 1) * size, size), **reported})


def spring(asked: Asked) -> Said:
    page = asked.number("page", 0)
    reported = {"number": page, "size": SIZE, "totalPages": 3, "totalElements": len(ALL), "first": page == 0}
    return Said({"content": _page(asked, page * SIZE), "last": page == 2, **reported})


def offsets(asked: Asked) -> Said:
    start, limit = asked.number("offset", 0), asked.number("limit", SIZE)
    return Said({"offset": start, "limit": limit, "total": len(ALL), "entries": _page(asked, start, limit)})


def last_ids(asked: Asked) -> Said:
    start = 1 + next((n for n, one in enumerate(ALL) if one["id"] == asked.query.get("after_id")), -1)
    return Said({"data": _page(asked, start), "has_more": start + SIZE < len(ALL)})


def reported_last_id(asked: Asked) -> Said:
    start = 1 + next((n for n, one in enumerate(ALL) if one["id"] == asked.query.get("after")), -1)
    page = _page(asked, start)
    reported = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
    return Said({"data": page, "has_more": start + SIZE < len(ALL), **reported})


def next_page_number(asked: Asked) -> Said:
    page = asked.number("page", 1)
    return Said({"things": _page(asked, (page - 1) * SIZE), "next_page": page + 1 if page < 3 else None})


def header_page(asked: Asked) -> Said:
    page = asked.number("page", 1)
    return Said(
        _page(asked, (page - 1) * SIZE), headers={"X-Next-Page": str(page + 1) if page < 3 else "", "X-Total": "25"}
    )


def slack(asked: Asked) -> Said:
    start = asked.number("cursor", 0)
    cursor = str(start + SIZE) if start + SIZE < len(ALL) else ""
    return Said({"ok": True, "messages": _page(asked, start), "response_metadata": {"next_cursor": cursor}})


def notion(asked: Asked) -> Said:
    start = int((asked.body or {}).get("start_cursor") or 0)
    more = start + SIZE < len(ALL)
    return Said({"results": _page(asked, start), "has_more": more, "next_cursor": str(start + SIZE) if more else None})


def reddit(asked: Asked) -> Said:
    start = asked.number("after", 0)
    children = [{"kind": "t3", "data": one} for one in _page(asked, start)]
    after = str(start + SIZE) if start + SIZE < len(ALL) else None
    return Said({"kind": "Listing", "data": {"after": after, "before": None, "children": children}})


def star(asked: Asked) -> Said:
    start = asked.number("cursor", 0)
    message = {"next-cursor": str(start + SIZE), "total-results": len(ALL), "items": _page(asked, start)}
    return Said({"status": "ok", "message": message})


def never_null(asked: Asked) -> Said:
    start, limit = asked.number("cursor", 0), asked.number("limit", 20)
    return Said({"data": _page(asked, start, limit), "cursor": str(min(start + limit, len(ALL)))})


def odata(asked: Asked) -> Said:
    start = asked.number("$skiptoken", 0)
    link = {"@odata.nextLink": f"{URL}?$skiptoken={start + SIZE}"} if start + SIZE < len(ALL) else {}
    return Said({"value": _page(asked, start), **link})


def search_after(asked: Asked) -> Said:
    sort = (asked.body or {}).get("search_after")
    start = sort[0] + 1 if sort else 0
    hits = [{"_id": one["id"], "_source": one, "sort": [start + n]} for n, one in enumerate(_page(asked, start))]
    return Said({"hits": {"total": {"value": len(ALL), "relation": "eq"}, "hits": hits}})


def airtable(asked: Asked) -> Said:
    start = int(asked.query.get("offset", "itr0").removeprefix("itr"))
    more = {"offset": f"itr{start + SIZE}"} if start + SIZE < len(ALL) else {}
    return Said({"records": [{"id": one["id"], "fields": one} for one in _page(asked, start)], **more})


def google(asked: Asked) -> Said:
    start = asked.number("pageToken", 0)
    more = {"nextPageToken": str(start + SIZE)} if start + SIZE < len(ALL) else {}
    return Said({"kind": "calendar#events", "items": _page(asked, start), **more})


URL_NEXT = {"to": "url", "end": ["no-next"]}
WAYS: list[tuple[str, Api, dict[str, Any], dict[str, Any]]] = [
    (
        "a GraphQL connection",
        graphql,
        {"data": GRAPHQL},
        {
            "source": "body:data.allThings.pageInfo.endCursor",
            "to": "body:variables.after",
            "end": ["no-next", "flag:data.allThings.pageInfo.hasNextPage=false"],
            "total": "data.allThings.totalCount",
            "records": "data.allThings.edges",
            "shape": "wrapped:node",
        },
    ),
    ("JSON:API", json_api, {}, {"source": "body:links.next.href", **URL_NEXT, "records": "data", "shape": "list"}),
    (
        "MediaWiki",
        media_wiki,
        {"url": f"{URL}?action=query"},
        {"source": "object:continue", "to": None, "records": "query.pages", "shape": "map", "end": ["no-next"]},
    ),
    ("next in meta", meta_next, {}, {"source": "body:meta.next", **URL_NEXT, "total": "meta.total"}),
    (
        "a token in paging",
        paging_next,
        {},
        {"source": "body:paging.next.after", "to": "query:after", "end": ["no-next"]},
    ),
    ("pages that nothing reports", bare_pages(1), {}, {"source": "counter:page", "to": "query:page", "first": 1}),
    (
        "pages from 0 that nothing reports",
        bare_pages(0),
        {},
        {"source": "counter:page", "to": "query:page", "first": 0},
    ),
    (
        "pages in the URL",
        bare_pages(1),
        {"url": f"{URL}?page=1"},
        {"source": "counter:page", "to": "query:page", "first": 1},
    ),
    (
        "pages that are reported",
        reported_pages,
        {},
        {"source": "counter:page", "to": "query:page", "first": 1, "total": "total", "size": "query:per_page"},
    ),
    (
        "pages from 0 that are reported",
        spring,
        {},
        {"source": "counter:page", "to": "query:page", "first": 0, "end": ["flag:last=true"], "total": "totalElements"},
    ),
    (
        "offsets",
        offsets,
        {"url": f"{URL}?limit=10"},
        {"source": "counter:offset", "to": "query:offset", "total": "total", "size": "query:limit", "end": ["empty"]},
    ),
    ("offsets without a limit", offsets, {}, {"source": "counter:offset", "to": "query:offset", "size": "query:limit"}),
    ("the last id", last_ids, {}, {"source": "last:id", "to": "query:after_id", "end": ["flag:has_more=false"]}),
    ("the last id, reported", reported_last_id, {}, {"source": "body:last_id", "to": "query:after"}),
    (
        "the next page's number",
        next_page_number,
        {},
        {"source": "body:next_page", "to": "query:page", "end": ["no-next"]},
    ),
    ("a page's number in a header", header_page, {}, {"source": "header:X-Next-Page", "to": "query:page"}),
    (
        "a cursor that is empty at the end",
        slack,
        {},
        {"source": "body:response_metadata.next_cursor", "to": "query:cursor", "end": ["no-next"]},
    ),
    (
        "a cursor by POST",
        notion,
        {"method": "POST", "data": {"page_size": 10}},
        {"source": "body:next_cursor", "to": "body:start_cursor", "end": ["no-next", "flag:has_more=false"]},
    ),
    (
        "wrapped children",
        reddit,
        {},
        {"source": "body:data.after", "to": "query:after", "records": "data.children", "shape": "wrapped:data"},
    ),
    (
        "a cursor that begins with a star",
        star,
        {"url": f"{URL}?cursor=*&rows=10"},
        {
            "source": "body:message.next-cursor",
            "to": "query:cursor",
            "records": "message.items",
            "end": ["no-next", "empty", "repeat"],
        },
    ),
    (
        "a cursor that is never null",
        never_null,
        {"url": f"{URL}?limit=20"},
        {"source": "body:cursor", "to": "query:cursor", "end": ["no-next", "repeat"]},
    ),
    ("OData", odata, {}, {"source": 'body:"@odata.nextLink"', **URL_NEXT, "records": "value"}),
    (
        "search after",
        search_after,
        {"method": "POST", "data": {"size": 10}},
        {"source": "last:sort", "to": "body:search_after", "records": "hits.hits", "total": "hits.total.value"},
    ),
    ("a token called offset", airtable, {}, {"source": "body:offset", "to": "query:offset", "end": ["no-next"]}),
    ("a page token", google, {}, {"source": "body:nextPageToken", "to": "query:pageToken", "end": ["no-next"]}),
]


@pytest.mark.parametrize(("api", "given", "right"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS])
def test_the_way_of_paging_is_found_and_tried(api: Api, given: dict[str, Any], right: dict[str, Any]) -> None:
    found, asked = looked_at(api, **given)
    assert len(asked) <= 5
    facts = {
        "source": found.next.source,
        "to": found.next.to,
        "first": found.next.first,
        "end": found.end,
        "total": str(found.total),
        "records": str(found.layout.path),
        "shape": found.layout.shape,
        "size": None if found.size is None else found.size.to,
    }
    assert {key: facts[key] for key in right} == right
    assert found.is_tried
    assert str(found.identity.paths[0]) in {"id", "_id"}
    text = source_text(found, "shop", "things")
    assert not list(VALIDATOR.iter_errors(tomllib.loads(text)))
    ids, requests = walked(text, api)
    assert ids == [one["id"] for one in ALL], text
    assert (requests[0].method, requests[0].url.partition("?")[0]) == (asked[0].method, URL)
