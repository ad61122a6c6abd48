"""APIs that answer oddly: by POST, past their end, to parameters that they do not know, or with all at once."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.ops.discovery.url.sourcetext import source_text
from tests.support.following import walked
from tests.support.unknownapis import URL, Api, Asked, Said, looked_at, records

ALL = records(25)
IDS = [one["id"] for one in ALL]


def _number(value: Any, default: int) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else default


def pages_404(asked: Asked) -> Said:
    page = asked.number("page", 1)
    found = ALL[(page - 1) * 10 : page * 10]
    return Said({"items": found, "page": page}) if found else Said({"detail": "Invalid page."}, 404)


def pages_clamped(asked: Asked) -> Said:
    page, size = min(asked.number("page", 1), 3), asked.number("per_page", 10)
    return Said({"items": ALL[(page - 1) * size : page * size]})


def all_at_once(_: Asked) -> Said:
    return Said(ALL)


def strict(asked: Asked) -> Said:
    unknown = asked.query.keys() - {"limit", "starting_after"}
    if unknown:
        return Said({"error": f"unknown parameter {', '.join(unknown)}"}, 400)
    after = asked.query.get("starting_after")
    start = 0 if after is None else IDS.index(after) + 1
    limit = asked.number("limit", 10)
    if limit > 15:
        return Said({"error": "limit must be <= 15"}, 400)
    return Said({"data": ALL[start : start + limit], "has_more": start + limit < len(ALL)})


def body_offsets(asked: Asked) -> Said:
    start, size = _number(asked.body.get("from"), 0), _number(asked.body.get("size"), 10)
    return Said({"hits": {"total": {"value": 25, "relation": "eq"}, "hits": ALL[start : start + size]}})


def body_pages(asked: Asked) -> Said:
    page, size = asked.body["paging"]["page"], asked.body["paging"]["pageSize"]
    return Said({"result": {"list": ALL[(page - 1) * size : page * size], "totalCount": 25}})


def ghost(asked: Asked) -> Said:
    page = asked.number("page", 1)
    reported = {
        "page": page,
        "limit": 10,
        "pages": 3,
        "total": 25,
        "next": page + 1 if page < 3 else None,
        "prev": None,
    }
    return Said({"posts": ALL[(page - 1) * 10 : page * 10], "meta": {"pagination": reported}})


def intercom(asked: Asked) -> Said:
    start = asked.number("starting_after", 0)
    following = {"page": 2, "starting_after": str(start + 10)} if start + 10 < 25 else None
    return Said({"type": "list", "data": ALL[start : start + 10], "pages": {"type": "pages", "next": following}})


def algolia(asked: Asked) -> Said:
    page = asked.number("page", 0)
    hits = ALL[page * 10 : page * 10 + 10]
    return Said({"hits": hits, "page": page, "nbPages": 3, "hitsPerPage": 10, "nbHits": 25})


def graph_nodes(asked: Asked) -> Said:
    start, size = int(asked.body["variables"].get("cursor") or 0), 10
    info = {"endCursor": str(min(start + size, 25)), "hasNextPage": start + size < 25}
    return Said({"data": {"repository": {"issues": {"nodes": ALL[start : start + size], "pageInfo": info}}}})


GRAPH = {
    "query": "query ($cursor: String) { repository { issues(first: 10, after: $cursor) { nodes { id } } } }",
    "variables": {},
}


def elsewhere_token(asked: Asked) -> Said:
    start = asked.number("_next", 0)
    following = str(start + 10) if start + 10 < 25 else None
    url = f"http://10.0.0.1:8001/v1/things?_next={following}" if following else None
    return Said({"rows": ALL[start : start + 10], "next": following, "next_url": url})


def bracketed(asked: Asked) -> Said:
    page, size = asked.number("page[number]", 1), asked.number("page[size]", 10)
    return Said({"data": ALL[(page - 1) * size : page * size], "meta": {"total": 25}})


ODD: list[tuple[str, Api, dict[str, Any], dict[str, Any]]] = [
    ("404 behind the last page", pages_404, {}, {"source": "counter:page", "end": ["empty", "status:404"]}),
    ("the last page over and over", pages_clamped, {}, {"source": "counter:page", "end": ["empty", "short"]}),
    ("all at once", all_at_once, {}, {"source": "link:next", "is_tried": False}),
    ("no parameter that it does not know", strict, {}, {"to": "query:starting_after", "largest": 15}),
    (
        "an offset in the body",
        body_offsets,
        {"method": "POST", "data": {"from": 0, "size": 10, "query": {"match_all": {}}}},
        {"source": "counter:offset", "to": "body:from", "size": "body:size", "total": "hits.total.value"},
    ),
    (
        "a page within the body",
        body_pages,
        {"method": "POST", "data": {"paging": {"page": 1, "pageSize": 10}}},
        {"source": "counter:page", "to": "body:paging.page", "first": 1, "total": "result.totalCount"},
    ),
    ("a number called next", ghost, {}, {"source": "body:meta.pagination.next", "to": "query:page"}),
    ("an object called next", intercom, {}, {"is_tried": True}),
    ("pages from 0 with another name", algolia, {}, {"source": "counter:page", "first": 0}),
    (
        "GraphQL with a variable of its own",
        graph_nodes,
        {"method": "POST", "data": GRAPH},
        {"to": "body:variables.cursor", "records": "data.repository.issues.nodes"},
    ),
    ("a link to another host, and its token", elsewhere_token, {}, {"source": "body:next", "to": "query:_next"}),
    (
        "brackets in the URL",
        bracketed,
        {"url": f"{URL}?page[number]=1&page[size]=10"},
        {"source": "counter:page", "to": "query:page[number]", "size": "query:page[size]", "first": 1},
    ),
]


@pytest.mark.parametrize(("api", "given", "right"), [one[1:] for one in ODD], ids=[one[0] for one in ODD])
def test_the_file_leads_to_all_records_once(api: Api, given: dict[str, Any], right: dict[str, Any]) -> None:
    found, asked = looked_at(api, **given)
    assert len(asked) <= 5
    facts = {
        "source": found.next.source,
        "to": found.next.to,
        "first": found.next.first,
        "end": found.end,
        "total": str(found.total),
        "records": str(found.layout.path),
        "size": None if found.size is None else found.size.to,
        "largest": found.largest,
        "is_tried": found.is_tried,
    }
    text = source_text(found, "shop", "things")
    assert {key: facts[key] for key in right} == right, text
    ids, _ = walked(text, api)
    assert ids == IDS, text
