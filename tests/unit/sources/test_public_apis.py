"""Public APIs of many kinds, each by a file of a few lines: what is asked first, and what after an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.errors import CursorExpired, DatasyncError, RateLimited, Resync, WindowTooLarge
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Page
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.secretnames import secrets_of
from datasync_spider.sources.slots import slot_values
from datasync_spider.sync.plan import SyncPlan, plan_sync

FILES = Path(__file__).parents[2] / "fixtures" / "apis"


class Api(NamedTuple):
    """``answer`` and ``headers``: those of a page. ``then``: what of the next request shows that it is the next page's.

    ``first``, ``then``: the end of a URL, or members of a body. ``last``: the answer of the last page.
    """

    first: Any
    answer: Any
    ids: list[str]
    then: Any
    last: Any
    headers: Mapping[str, Any] = {}
    last_headers: Mapping[str, Any] = {}


def rows(*ids: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"id": one, **more} for one in ids]


def linked(url: str, relation: str = "next") -> dict[str, Any]:
    return {"link": [f'<{url}>; rel="{relation}"']}


FULL = [{"id": str(1000 - n), "timestamp": "2024-06-01T00:00:00Z"} for n in range(100)]
GITHUB = linked("https://api.github.com/repositories/1/events?page=2")
OKTA = {
    "link": [
        '<https://acme.okta.com/api/v1/logs?limit=1000>; rel="self"',
        '<https://acme.okta.com/api/v1/logs?after=a%2Bb>; rel="next"',
    ]
}
_TOOTS = "https://mastodon.example/api/v1/timelines/public"
MASTODON = {"link": [f'<{_TOOTS}?limit=40&max_id=9>; rel="next", <{_TOOTS}?min_id=9>; rel="prev"']}

APIS: dict[str, Api] = {
    "stripe": Api(
        "/v1/events?limit=100", {"data": rows("evt_2", created=1), "has_more": True}, ["evt_2"],
        "/v1/events?limit=100&starting_after=evt_2", {"data": rows("evt_1", created=1), "has_more": False},
    ),
    "github-events": Api(
        "/repos/scrapy/scrapy/events?per_page=100", rows("7", created_at="2024-06-01T00:00:00Z"), ["7"],
        "/repositories/1/events?page=2", [], GITHUB,
    ),
    "github-issues": Api(
        "direction=asc&per_page=100", [{"node_id": "I_1"}], ["I_1"], "/repositories/1/events?page=2", [], GITHUB,
    ),
    "gitlab": Api(
        "/audit_events?pagination=keyset&per_page=100", rows(5), ["5"],
        "/api/v4/audit_events?cursor=eyJpZCI6IjUifQ%3D%3D&per_page=100", [],
        linked("https://gitlab.example.com/api/v4/audit_events?cursor=eyJpZCI6IjUifQ%3D%3D&per_page=100"),
    ),
    "slack": Api(
        "channel=C024BE91L&limit=200&inclusive=true",
        {"ok": True, "messages": [{"ts": "1700000000.000100"}], "response_metadata": {"next_cursor": "dXNlcg=="}},
        ["1700000000.000100"], "&cursor=dXNlcg%3D%3D",
        {"ok": True, "messages": [], "response_metadata": {"next_cursor": ""}},
    ),
    "shopify-rest": Api(
        "/admin/api/2024-10/orders.json?status=any&limit=250&fields=id%2Cupdated_at", {"orders": rows(1)}, ["1"],
        "/orders.json?limit=250&page_info=abc", {"orders": []},
        linked("https://acme.myshopify.com/admin/api/2024-10/orders.json?limit=250&page_info=abc"),
    ),
    "shopify-graphql": Api(
        {"variables": {"first": 50}},
        {"data": {"products": {"edges": [{"node": {"id": "p1"}}],
        "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}}},
        ["p1"], {"variables": {"first": 50, "after": "c1"}},
        {"data": {"products": {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}},
    ),
    "hubspot-list": Api(
        "?limit=100", {"results": rows("1"), "paging": {"next": {"after": "NTI1", "link": "?after=NTI1"}}}, ["1"],
        "?limit=100&after=NTI1", {"results": rows("2")},
    ),
    "hubspot-search": Api(
        {"limit": 200}, {"results": rows("1"), "paging": {"next": {"after": "200"}}}, ["1"],
        {"limit": 200, "after": "200"}, {"results": rows("2")},
    ),
    "zendesk": Api(
        "cursor.json?per_page=1000&start_time=1704067200",
        {"tickets": rows(1), "after_cursor": "MTU3=", "end_of_stream": False}, ["1"],
        "cursor.json?per_page=1000&cursor=MTU3%3D", {"tickets": [], "after_cursor": "MTU4=", "end_of_stream": True},
    ),
    "intercom-list": Api(
        "?per_page=150", {"data": rows("a", updated_at=1), "pages": {"next": {"page": 2, "starting_after": "WzE3"}}},
        ["a"],
        "?per_page=150&starting_after=WzE3", {"data": [], "pages": {"next": None}},
    ),
    "intercom-search": Api(
        {"pagination": {"per_page": 150}}, {"data": rows("a"), "pages": {"next": {"page": 2, "starting_after": "W"}}},
        ["a"],
        {"pagination": {"per_page": 150, "starting_after": "W"}}, {"data": [], "pages": {}},
    ),
    "notion": Api(
        {"page_size": 100}, {"results": rows("p"), "next_cursor": "n1", "has_more": True}, ["p"],
        {"page_size": 100, "start_cursor": "n1"}, {"results": [], "next_cursor": None, "has_more": False},
    ),
    "salesforce": Api(
        "/services/data/v59.0/query?q=SELECT%20Id%2C%20SystemModstamp%20FROM%20Account",
        {"totalSize": 2, "done": False, "nextRecordsUrl": "/services/data/v59.0/query/01g-1",
        "records": [{"Id": "001"}]},
        ["001"], "https://acme.my.salesforce.com/services/data/v59.0/query/01g-1",
        {"totalSize": 2, "done": True, "records": [{"Id": "002"}]},
    ),
    "mastodon": Api(
        "/api/v1/timelines/public?limit=40", rows("9"), ["9"], "/api/v1/timelines/public?limit=40&max_id=9", [],
        MASTODON,
    ),
    "mastodon-upwards": Api(
        "?limit=40&min_id=0", rows("9"), ["9"], "/api/v1/timelines/public?limit=40&min_id=9", [],
        linked("https://mastodon.example/api/v1/timelines/public?limit=40&min_id=9", "prev"),
    ),
    "matrix": Api(
        "/rooms/%21r%3Aexample.org/messages?dir=f&limit=100", {"chunk": [], "start": "t1", "end": "t2"}, [],
        "?dir=f&limit=100&from=t2", {"chunk": [{"event_id": "$1", "origin_server_ts": 1}], "start": "t2"},
    ),
    "kubernetes": Api(
        "/api/v1/pods?limit=500", {"metadata": {"continue": "eyJ2"}, "items": [{"metadata": {"uid": "u1"}}]}, ["u1"],
        "/api/v1/pods?limit=500&continue=eyJ2", {"metadata": {"continue": ""}, "items": None},
    ),
    "elasticsearch": Api(
        {"size": 1000}, {"hits": {"hits": [{"_id": "a", "sort": [1700000000000, "a"]}]}}, ["a"],
        {"size": 1000, "search_after": [1700000000000, "a"]}, {"hits": {"hits": []}},
    ),
    "elasticsearch-pit": Api(
        {"pit": {"id": "first", "keep_alive": "1m"}},
        {"pit_id": "second", "hits": {"hits": [{"_id": "a", "sort": [7]}]}},
        ["a"], {"search_after": [7], "pit": {"id": "second", "keep_alive": "1m"}},
        {"pit_id": "x", "hits": {"hits": []}},
    ),
    "okta": Api(
        "sortOrder=ASCENDING&since=2024-01-01T00%3A00%3A00.000Z", [{"uuid": "u"}], ["u"], "/api/v1/logs?after=a%2Bb",
        [],
        OKTA, OKTA,
    ),
    "auth0": Api(
        "/logs?take=100", [{"log_id": "900"}], ["900"], "/api/v2/logs?from=900&take=100", [],
        linked("https://acme.auth0.com/api/v2/logs?from=900&take=100"),
        linked("https://acme.auth0.com/api/v2/logs?from=900&take=100"),
    ),
    "datadog": Api(
        {"page": {"limit": 1000}}, {"data": rows("e"), "meta": {"page": {"after": "eyJz"}}}, ["e"],
        {"page": {"limit": 1000, "cursor": "eyJz"}}, {"data": [], "meta": {}},
    ),
    "pagerduty": Api(
        "/incidents?limit=100&offset=0", {"incidents": rows("P1", "P2"), "more": True, "offset": 0}, ["P1", "P2"],
        "/incidents?limit=100&offset=2", {"incidents": [], "more": False},
    ),
    "twilio": Api(
        "Messages.json?PageSize=1000",
        {"messages": [{"sid": "SM1", "date_created": "Fri, 24 May 2019 17:44:50 +0000"}],
         "next_page_uri": "/2010-04-01/Accounts/AC1/Messages.json?PageSize=1000&Page=1&PageToken=PASM1"},
        ["SM1"], "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json?PageSize=1000&Page=1&PageToken=PASM1",
        {"messages": [], "next_page_uri": None},
    ),
    "jira": Api(
        "fields=updated&maxResults=100",
        {"issues": rows("10001", fields={"updated": "2024-06-01T00:00:00.000+0000"}), "nextPageToken": "Cg=="},
        ["10001"],
        "fields=updated&maxResults=100&nextPageToken=Cg%3D%3D", {"issues": [], "isLast": True},
    ),
    "confluence": Api(
        "https://acme.atlassian.net/wiki/rest/api/content?limit=25",
        {"results": rows("1"), "_links": {
            "base": "https://acme.atlassian.net/wiki", "context": "/wiki",
            "next": "/rest/api/content?limit=25&start=25"}},
        ["1"], "https://acme.atlassian.net/wiki/rest/api/content?limit=25&start=25",
        {"results": rows("2"), "_links": {"base": "https://acme.atlassian.net/wiki"}},
    ),
    "graph": Api(
        "/v1.0/users/delta",
        {"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a+b"},
        [], "/v1.0/users/delta?$skiptoken=a+b",
        {"value": rows("u"), "@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=d"},
    ),
    "google-calendar": Api(
        "?maxResults=250", {"items": rows("e"), "nextPageToken": "p2"}, ["e"], "?maxResults=250&pageToken=p2",
        {"items": [], "nextSyncToken": "s1"},
    ),
    "square": Api(
        {"limit": 100}, {"events": [{"event_id": "e"}], "cursor": "c"}, ["e"], {"limit": 100, "cursor": "c"},
        {"events": []},
    ),
    "discord": Api("/channels/42/messages?limit=100", FULL, [one["id"] for one in FULL], "?limit=100&before=901",
    FULL[:3]),
    "reddit": Api(
        "/r/python/new?limit=100",
        {"kind": "Listing", "data": {"after": "t3_b", "children": [{"kind": "t3", "data": {"name": "t3_b"}}]}},
        ["t3_b"], "/r/python/new?limit=100&after=t3_b", {"data": {"after": None, "children": []}},
    ),
    "mediawiki": Api(
        "rcdir=newer&rclimit=500&maxlag=5",
        {"continue": {"rccontinue": "2024|7", "continue": "-||"}, "query": {"recentchanges": [{"rcid": 7}]}}, ["7"],
        "rclimit=500&maxlag=5&continue=-%7C%7C&rccontinue=2024%7C7",
        {"batchcomplete": "", "query": {"recentchanges": []}},
    ),
    "openalex": Api(
        "?per-page=200&cursor=%2A&api_key=of-TOKEN", {"results": rows("W1"), "meta": {"next_cursor": "Ils="}}, ["W1"],
        "?per-page=200&cursor=Ils%3D&api_key=of-TOKEN", {"results": [], "meta": {"next_cursor": None}},
    ),
    "crossref": Api(
        "/works?rows=1000&cursor=%2A", {"message": {"next-cursor": "AoJ+/=", "items": [{"DOI": "10.1/x"}]}}, ["10.1/x"],
        "/works?rows=1000&cursor=AoJ%2B%2F%3D", {"message": {"next-cursor": "AoJ+/=", "items": []}},
    ),
    "europe-pmc": Api(
        "pageSize=1000&cursorMark=%2A",
        {"hitCount": 2, "nextCursorMark": "AoI1", "resultList": {"result": [{"id": "1", "source": "MED"}]}},
        ['["MED","1"]'],
        "pageSize=1000&cursorMark=AoI1",
        {"hitCount": 2, "nextCursorMark": "AoI1", "resultList": {"result": [{"id": "2", "source": "MED"}]}},
    ),
    "solr": Api(
        "sort=id%20asc&rows=500&cursorMark=%2A",
        {"response": {"numFound": 1, "docs": rows("d")}, "nextCursorMark": "AoE="},
        ["d"], "rows=500&cursorMark=AoE%3D", {"response": {"numFound": 1, "docs": []}, "nextCursorMark": "AoE="},
    ),
    "django-rest": Api(
        "/things/", {"count": 2, "next": "https://drf.example/api/things/?page=2", "results": rows(1)}, ["1"],
        "/api/things/?page=2", {"count": 2, "next": None, "results": rows(2)},
    ),
    "json-api": Api(
        "/articles?page%5Bsize%5D=50",
        {"data": [{"type": "a", "id": "1"}], "links": {"next": {"href": "/v1/articles?page[after]=1"}}}, ['["a","1"]'],
        "https://jsonapi.example/v1/articles?page[after]=1", {"data": [], "links": {"next": None}},
    ),
    "azure-tables": Api(
        "/rows()?%24top=1000", {"value": [{"PartitionKey": "p", "RowKey": "r"}]}, ['["p","r"]'],
        "%24top=1000&NextPartitionKey=1%21p&NextRowKey=1%21r", {"value": []},
        {"x-ms-continuation-nextpartitionkey": ["1!p"], "x-ms-continuation-nextrowkey": ["1!r"]},
    ),
    "atproto": Api(
        "collection=app.bsky.feed.post&limit=100", {"cursor": "3k", "records": [{"uri": "at://x/1"}]}, ["at://x/1"],
        "limit=100&cursor=3k", {"records": []},
    ),
    "cloudwatch": Api(
        {"logStreamName": "a"}, {"events": [], "nextForwardToken": "f/1"}, [],
        {"logStreamName": "a", "nextToken": "f/1"}, {"events": [], "nextForwardToken": "f/1"},
    ),
}  # fmt: skip

ERRORS: tuple[tuple[str, int, Any, type[DatasyncError]], ...] = (
    ("slack", 200, {"ok": False, "error": "ratelimited"}, RateLimited),
    ("shopify-graphql", 200, {"errors": [{"message": "x", "extensions": {"code": "THROTTLED"}}]}, RateLimited),
    ("mediawiki", 200, {"error": {"code": "maxlag", "info": "Waiting for 10.0.0.1: 6 seconds lagged"}}, RateLimited),
    ("github-events", 403, {"message": "You have exceeded a secondary rate limit."}, RateLimited),
    ("hubspot-search", 400, {"message": "paging is limited to 10,000 results"}, WindowTooLarge),
    ("pagerduty", 400, {"error": {"message": "offset + limit must be below 10000"}}, WindowTooLarge),
    ("salesforce", 400, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "x"}], CursorExpired),
    ("square", 400, {"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "INVALID_CURSOR"}]}, CursorExpired),
    ("kubernetes", 410, {"reason": "Expired", "code": 410, "metadata": {"continue": "other"}}, CursorExpired),
    ("graph", 410, {"error": {"code": "resyncRequired"}}, Resync),
    ("graph", 400, {"error": {"code": "syncStateNotFound"}}, Resync),
    ("google-calendar", 410, {"error": {"code": 410, "message": "Sync token is no longer valid"}}, Resync),
)


def test_each_file_is_tried() -> None:
    assert {path.stem for path in FILES.glob("*.toml")} == APIS.keys()


@pytest.mark.parametrize("name", APIS)
def test_the_first_request_is_what_the_api_wants(name: str) -> None:
    assert_asks(plan_of(name).request(None), APIS[name].first)


@pytest.mark.parametrize("name", APIS)
def test_the_next_request_asks_for_what_the_answer_names(name: str) -> None:
    plan, api = plan_of(name), APIS[name]
    page = answered(plan, None, api.answer, api.headers)
    assert [event.event_id for event in page.parse().events] == api.ids
    assert not page.parse().rejected
    assert page.next_cursor is not None
    assert_asks(plan.request(page.next_cursor), api.then)


@pytest.mark.parametrize("name", APIS)
def test_the_last_page_is_the_end(name: str) -> None:
    plan, api = plan_of(name), APIS[name]
    position = answered(plan, None, api.answer, api.headers).next_cursor
    last = answered(plan, position, api.last, api.last_headers)
    assert last.next_cursor is None
    assert (last.tail is not None) is plan.stream.end.resumable


@pytest.mark.parametrize(("name", "status", "body", "means"), ERRORS)
def test_an_error_is_what_its_file_says_it_means(name: str, status: int, body: Any, means: type[DatasyncError]) -> None:
    with pytest.raises(means):
        answered(plan_of(name), None, body, {}, status)


def plan_of(name: str) -> SyncPlan:
    source = read_source((FILES / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")
    assert source.name == name
    ((stream, facts),) = source.streams.items()
    values = facts.slices[0] if facts.slices else {}
    secrets = {one.name: f"of-{one.name}" for one in secrets_of(source, facts, slot_values(values))}
    return plan_sync(Config.from_settings(Settings(), environ={}, env_file=None), source, stream, values, secrets)


def answered(
    plan: SyncPlan, position: str | None, body: Any, headers: Mapping[str, Sequence[str]], status: int = 200
) -> Page:
    url = plan.request(position).url
    lists = {"content-type": ["application/json"], **headers}
    first = {name: values[0] for name, values in lists.items()}
    return check_answer(plan.pages, plan.asked(url, position), status, lambda: first, json.dumps(body).encode(), lists)


def assert_asks(request: PageRequest, wanted: Any) -> None:
    """A text is the end of the URL, a table what the body has among other members."""
    if isinstance(wanted, str):
        assert request.method == "GET"
        assert request.body is None
        assert request.url.endswith(wanted)
        return
    assert request.method == "POST"
    body = json.loads(request.body or b"")
    assert {name: body.get(name) for name in wanted} == wanted
