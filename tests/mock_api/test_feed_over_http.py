"""The feed over HTTP: pages, shapes, cursors, growth, single events, the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mock_api.client import Server, ground_truth
from tests.support.waiting import eventually

Serve = Callable[..., Server]


@pytest.mark.parametrize("limit", [7, 300, 1_000, 5_000])
def test_a_chain_serves_the_ground_truth(server: Server, limit: int) -> None:
    truth = [json.loads(line) for line in ground_truth("--total", "2500")]
    assert len(truth) == 2_500
    assert server.walk(limit) == truth


def test_the_bytes_of_an_event_are_those_of_the_ground_truth(server: Server) -> None:
    assert b",".join(ground_truth("--total", "2500", "--start", "0", "--stop", "40")) in server.page(40).body


def test_a_prepared_feed_serves_the_same(serve: Serve) -> None:
    truth = [json.loads(line) for line in ground_truth("--total", "2500", "--seed", "3")]
    assert serve("--total", "2500", "--seed", "3", "--prepare").walk(900) == truth


def test_a_page_has_the_nested_shape_of_the_api(server: Server) -> None:
    answer = server.page(3)
    page = answer.json()
    assert list(page) == ["data", "pagination", "meta"]
    assert list(page["pagination"]) == ["limit", "hasMore", "nextCursor", "cursorExpiresIn"]
    assert page["pagination"]["limit"] == 3
    assert page["pagination"]["hasMore"] is True
    assert page["pagination"]["nextCursor"].startswith("eyJ")
    assert 100 < page["pagination"]["cursorExpiresIn"] <= 120
    assert page["meta"] == {"total": 2_500, "returned": 3, "requestId": answer.headers["X-Request-ID"]}
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Cache"] == "MISS"
    assert answer.headers["X-Cache-TTL"] == "30"
    assert answer.headers["ETag"]


def test_the_last_page_says_so(server: Server) -> None:
    page = server.page(5_000).json()
    assert page["pagination"] == {"limit": 5_000, "hasMore": False, "nextCursor": None, "cursorExpiresIn": None}


def test_an_empty_feed_has_one_empty_page(serve: Serve) -> None:
    page = serve("--total", "0").page().json()
    assert (page["data"], page["pagination"]["hasMore"], page["meta"]["returned"]) == ([], False, 0)


@pytest.mark.parametrize(
    ("shape", "keys"),
    [
        ("flat", ["data", "hasMore", "nextCursor"]),
        ("snake", ["data", "has_more", "next_cursor"]),
        ("events", ["events", "hasMore", "nextCursor"]),
    ],
)
def test_other_shapes_hold_the_same(serve: Serve, shape: str, keys: list[str]) -> None:
    page = serve("--total", "30", "--shape", shape).page(10).json()
    assert list(page) == keys
    assert page[keys[0]] == [json.loads(line) for line in ground_truth("--total", "30", "--stop", "10")]
    assert page[keys[1]] is True
    assert page[keys[2]]


def test_the_limit_is_100_unless_given_and_silently_capped(serve: Serve) -> None:
    server = serve("--total", "6000")
    assert server.page().json()["meta"]["returned"] == 100
    page = server.page(9_999).json()
    assert (page["meta"]["returned"], page["pagination"]["limit"]) == (5_000, 5_000)
    assert serve("--total", "50", "--max-limit", "20").page(30).json()["meta"]["returned"] == 20


@pytest.mark.parametrize("limit", ["0", "-5", "many", ""])
def test_a_limit_that_is_no_positive_number_is_refused(server: Server, limit: str) -> None:
    answer = server.ask(f"{{base}}/events?limit={limit}")
    assert (answer.status, answer.code()) == (400, "INVALID_LIMIT")


def test_the_total_may_be_claimed(serve: Serve) -> None:
    server = serve("--total", "20", "--claim-total", "23")
    assert server.page().json()["meta"] | {"requestId": ""} == {"total": 23, "returned": 20, "requestId": ""}


def test_a_cursor_expires(serve: Serve) -> None:
    server = serve("--total", "100", "--cursor-ttl-ms", "200")
    cursor = server.next_cursor()
    eventually(lambda: server.page(10, cursor).status == 400, what="the expiry")
    assert server.page(10, cursor).json() == {
        "error": "Bad Request",
        "message": "Cursor expired 0 minute(s) ago",
        "code": "CURSOR_EXPIRED",
    }


@pytest.mark.parametrize("cursor", ["x", "eyJiZWZvcmUiOjF9", "%ff", "null"])
def test_a_cursor_that_was_not_issued_is_refused(server: Server, cursor: str) -> None:
    answer = server.page(10, cursor)
    assert (answer.status, answer.code()) == (400, "CURSOR_INVALID")


def test_growth_adds_newer_events_and_cursors_keep_their_place(serve: Serve) -> None:
    server = serve("--total", "500")
    before = server.walk(200)
    cursor = server.next_cursor(100)
    assert server.control("grow?by=1300", "POST") == {"total": 1_800}
    assert server.page(100, cursor).json()["data"] == before[100:200]
    after = server.walk(700)
    assert len(after) == 1_800
    assert after[1_300:] == before
    assert after == [json.loads(line) for line in ground_truth("--total", "1800")]


def milliseconds(server: Server, position: int) -> int:
    """The time of the first number-stamped event from a position on."""
    return next(event["timestamp"] for event in server.walk(5_000)[position:] if isinstance(event["timestamp"], int))


def test_since_and_until_are_ignored_unless_honoured(server: Server) -> None:
    assert server.page(10, since=milliseconds(server, 0), until=1).json()["data"] == server.page(10).json()["data"]


def test_since_and_until_are_inclusive_where_honoured_and_hold_across_pages(serve: Serve) -> None:
    server = serve("--total", "900", "--honour-since", "--honour-until")
    events = server.walk(5_000)
    stamped: list[tuple[int, int]] = [
        (position, event["timestamp"]) for position, event in enumerate(events) if isinstance(event["timestamp"], int)
    ]
    (newest, until), (oldest, since) = stamped[30], stamped[200]
    found: list[Any] = []
    cursor = None
    while True:
        page = server.page(100, cursor, since=since, until=until).json()
        found += page["data"]
        cursor = page["pagination"]["nextCursor"]
        if cursor is None:
            break
    assert found == events[newest : oldest + 1]
    assert server.page(10, until=until - 1).json()["data"][0] == events[newest + 1]


def test_one_event_is_found_by_its_id(server: Server) -> None:
    for line in ground_truth("--total", "2500", "--start", "1234", "--stop", "1236"):
        answer = server.ask("{base}/events/" + json.loads(line)["id"])
        assert (answer.status, answer.body) == (200, line)


@pytest.mark.parametrize("event_id", ["x", "56a349b5-0000-4000-8000-000000000000"])
def test_an_unknown_id_is_not_found(server: Server, event_id: str) -> None:
    answer = server.ask("{base}/events/" + event_id)
    assert (answer.status, answer.code()) == (404, "EVENT_NOT_FOUND")


def test_the_key_is_demanded_if_one_is_set(serve: Serve) -> None:
    server = serve("--total", "10", "--api-key", "right")
    assert server.ask("{base}/events").status == 401
    for key in ("wrong", "RIGHT", "", "\xff"):
        answer = server.ask("{base}/events", X_API_Key=key)
        assert (answer.status, answer.json()["error"]) == (401, "Unauthorized")
    assert server.ask("{base}/events", X_API_Key="right").status == 200
    assert server.ask("{base}/submissions").status == 401
    assert server.ask("/health").status == 200


def test_health_is_ok_and_other_paths_are_not_found(server: Server) -> None:
    assert server.ask("/health").json() == {"status": "ok"}
    for path in ("/", "/events", "{base}", "{base}/nothing", "{base}/events/a/b"):
        answer = server.ask(path)
        assert (answer.status, answer.code()) == (404, "NOT_FOUND")


def test_a_connection_serves_many_requests(server: Server) -> None:
    connection = server.connect()
    connection.connect()
    kept = connection.sock
    for _ in range(5):
        connection.request("GET", f"{server.base_path}/events?limit=2000")
        assert len(json.loads(connection.getresponse().read())["data"]) == 2_000
        assert connection.sock is kept
    connection.close()


def test_an_identical_request_is_answered_from_the_cache_and_costs_nothing(serve: Serve) -> None:
    server = serve("--total", "100", "--cache", "--rate-limit", "2")
    first, again, other = server.page(10), server.page(10), server.page(11)
    assert [answer.headers["X-Cache"] for answer in (first, again, other)] == ["MISS", "HIT", "MISS"]
    assert again.body == first.body
    assert again.headers["X-Request-ID"] == first.headers["X-Request-ID"]
    assert other.headers["X-RateLimit-Remaining"] == "0"
    assert server.page(12).status == 429
    assert server.page(10).status == 200


def test_latency_delays_a_page_but_not_another_request(serve: Serve) -> None:
    server = serve("--total", "10", "--latency-ms", "1000")
    connection = server.connect()
    connection.request("GET", f"{server.base_path}/events")
    assert server.ask("/health").status == 200
    entry = server.stats()["requests"][0]
    assert entry["finished_monotonic_ms"] is None
    assert connection.getresponse().read()
    connection.close()
    entry = server.stats()["requests"][0]
    assert entry["finished_monotonic_ms"] - entry["monotonic_ms"] >= 999
