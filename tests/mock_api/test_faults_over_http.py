"""Each fault as a client meets it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from mock_api.hostile import DEFAULT_KINDS
from tests.mock_api.client import Server, ground_truth
from tests.support.waiting import eventually

Serve = Callable[..., Server]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_has_an_html_body(server: Server, status: int) -> None:
    server.fault(f"status_{status}")
    answer = server.page()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.body.startswith(b"<html>")
    assert server.page().status == 200


@pytest.mark.parametrize(("name", "status"), [("unauthorized", 401), ("forbidden", 403)])
def test_a_refusal_has_the_form_of_an_error(server: Server, name: str, status: int) -> None:
    server.fault(name)
    answer = server.page()
    assert answer.status == status
    assert answer.json().keys() == {"error", "message", "code"}


@pytest.mark.parametrize(("name", "body"), [("empty", b""), ("null", b"null"), ("non_object", b"[]")])
def test_a_good_status_may_come_with_a_bad_body(server: Server, name: str, body: bytes) -> None:
    server.fault(name)
    answer = server.page()
    assert (answer.status, answer.body) == (200, body)


def test_a_good_status_may_come_with_html(server: Server) -> None:
    server.fault("html")
    answer = server.page()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")


def test_a_redirect_leads_to_another_host(server: Server) -> None:
    server.fault("redirect")
    answer = server.page()
    assert answer.status == 302
    assert "elsewhere.invalid" in answer.headers["Location"]
    server.fault("redirect", count=1, location="http://127.0.0.2:1/")
    assert server.page().headers["Location"] == "http://127.0.0.2:1/"


def test_a_burst_refuses_without_a_window(server: Server) -> None:
    server.fault("rate_limit_burst", count=2, wait_ms=1_500)
    for _ in range(2):
        answer = server.page()
        assert (answer.status, answer.headers["Retry-After"], answer.headers["X-RateLimit-Reset"]) == (429, "2", "2")
        assert answer.json()["rateLimit"] == {"limit": 10, "remaining": 0, "reset": 2}
    assert server.page().status == 200


def test_a_live_cursor_may_be_called_expired(server: Server) -> None:
    cursor = server.next_cursor()
    server.fault("expired_cursor")
    assert server.page().status == 200
    answer = server.page(10, cursor)
    assert (answer.status, answer.code()) == (400, "CURSOR_EXPIRED")
    assert server.page(10, cursor).status == 200


def test_a_cursor_may_repeat(server: Server) -> None:
    cursor = server.next_cursor()
    server.fault("repeated_cursor")
    page = server.page(10, cursor).json()
    assert page["pagination"]["nextCursor"] == cursor
    assert page["pagination"]["hasMore"] is True


def test_cursors_may_run_in_a_circle_of_two(server: Server) -> None:
    first = server.next_cursor()
    second = server.page(10, first).json()["pagination"]["nextCursor"]
    server.fault("cursor_loop")
    assert server.page(10, second).json()["pagination"]["nextCursor"] == first


def test_pagination_may_be_missing(server: Server) -> None:
    server.fault("missing_fields")
    answer = server.page()
    assert answer.headers["X-Chaos-Applied"] == "missingFields"
    assert answer.json().keys() == {"data", "meta"}


def test_a_flat_page_without_pagination_is_an_array_alone(serve: Serve) -> None:
    server = serve("--total", "10", "--shape", "flat")
    server.fault("missing_fields")
    assert server.page().json().keys() == {"data"}


def test_there_may_be_more_without_a_cursor(server: Server) -> None:
    server.fault("has_more_no_cursor")
    pagination = server.page().json()["pagination"]
    assert (pagination["hasMore"], pagination["nextCursor"]) == (True, None)


def test_a_page_may_lack_an_event_that_it_counts(server: Server) -> None:
    whole = server.page(10).json()
    server.fault("short_returned")
    page = server.page(10).json()
    assert page["meta"]["returned"] == 10
    assert page["data"] == whole["data"][:9]


def test_a_page_may_repeat_events_of_the_one_before(server: Server) -> None:
    truth = [json.loads(line) for line in ground_truth("--total", "2500", "--stop", "20")]
    cursor = server.next_cursor(10)
    server.fault("duplicate_events")
    page = server.page(10, cursor).json()
    assert page["data"] == truth[7:20]
    assert page["meta"]["returned"] == 13


def test_hostile_events_join_the_real_ones_as_the_ground_truth_says(server: Server) -> None:
    server.fault("malformed_events", rate=1)
    body = server.page(500).body
    truth = ground_truth("--total", "2500", "--stop", "500", "--malformed", "0.1")
    assert body.startswith(b'{"data":[' + b",".join(truth) + b"],")
    assert len(truth) == 550
    assert f'"returned":{len(truth)},'.encode() in body


def test_hostile_events_may_be_chosen_by_kind(server: Server) -> None:
    server.fault("malformed_events", count=1, density=0.5, kinds="null+empty_id")
    data = server.page(8).json()["data"]
    assert [None if event is None else event["id"] for event in data].count("") == 2
    assert data.count(None) == 2
    assert "huge_payload" in DEFAULT_KINDS


def test_json_may_be_cut_although_the_body_is_whole(server: Server) -> None:
    server.fault("truncated_json")
    answer = server.page()
    assert (answer.status, len(answer.body)) == (200, int(answer.headers["Content-Length"]))
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_connection_may_be_reset_before_the_answer(server: Server) -> None:
    server.fault("reset")
    with server.raw("{base}/events") as answer:
        with pytest.raises(ConnectionResetError):
            answer.read_to_end()
        assert answer.received == b""


def test_a_connection_may_be_reset_in_the_middle_of_the_body(server: Server) -> None:
    server.fault("reset_body")
    with server.raw("{base}/events") as answer:
        with pytest.raises(ConnectionResetError):
            answer.read_to_end()
        assert 0 < len(answer.body) < answer.promised_length


def test_a_body_may_end_early(server: Server) -> None:
    server.fault("truncated")
    with server.raw("{base}/events?limit=1000") as answer:
        answer.read_to_end()
        assert len(answer.body) == answer.promised_length // 2
    server.fault("truncated", count=1, share=0)
    with pytest.raises(http.client.IncompleteRead):
        server.page()


def test_a_body_may_stall(server: Server) -> None:
    server.fault("stalled")
    with server.raw("{base}/events?limit=1000") as answer:
        answer.read_until_silent(1)
        assert len(answer.body) == answer.promised_length // 2


def test_a_body_may_drip(server: Server) -> None:
    server.fault("drip", count=1, bytes=40, interval_ms=1)
    assert server.page(10).json()["meta"]["returned"] == 10
    server.fault("drip", count=1, interval_ms=5)
    with server.raw("{base}/events?limit=10") as answer:
        while len(answer.body) < 5:
            assert answer.read()
        assert len(answer.body) < answer.promised_length


def test_an_answer_may_be_slow(server: Server) -> None:
    server.fault("slow", count=1, delay_ms=200)
    server.page()
    entry = server.stats()["requests"][-1]
    assert entry["finished_monotonic_ms"] - entry["monotonic_ms"] >= 199
    assert entry["faults"] == ["slow"]


@pytest.mark.parametrize("fault", [{"name": "slow", "delay_ms": 300}, {"name": "drip"}, {"name": "reset_body"}])
def test_a_client_that_leaves_before_the_end_leaves_nothing_behind(serve: Serve, fault: dict[str, Any]) -> None:
    server = serve("--total", "100")
    server.control("faults", "POST", {"count": 1, **fault})
    with server.raw("{base}/events"):
        eventually(lambda: server.stats()["requests"], what="the request")
    eventually(lambda: server.stats()["requests"][0]["finished_monotonic_ms"], what="the end of the connection")
    server.fault("slow", count=1, delay_ms=400)
    # When this is answered, whatever was planned for the first is due as well; closing finds it if it went wrong.
    assert server.page().status == 200
    assert server.close() == 0


def test_faults_of_the_command_line_befall_their_share(serve: Serve) -> None:
    arguments = ("--fault", "status_503=0.3", "--fault-seed", "4")
    outcomes = []
    for _ in range(2):
        server = serve("--total", "10", *arguments)
        outcomes.append([server.page().status for _ in range(60)])
    assert outcomes[0] == outcomes[1]
    assert 8 <= outcomes[0].count(503) <= 30


def test_rules_are_listed_and_cleared(server: Server) -> None:
    given: list[dict[str, Any]] = [{"name": "reset", "rate": 0.5}, {"name": "slow", "count": 3}]
    listed = server.control("faults", "POST", given)["faults"]
    assert listed == server.control("faults")["faults"]
    assert [rule["name"] for rule in listed] == ["reset", "slow"]
    assert server.control("faults", "DELETE") == {"faults": []}
    assert all(server.page().status == 200 for _ in range(10))


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{", "not valid JSON"), (b"5", "expected a rule"), (b'[{"name":"slow","rate":1},{"name":"odd"}]', "unknown")],
)
def test_a_refused_rule_installs_nothing(server: Server, body: bytes, reason: str) -> None:
    answer = server.ask("/__control/faults", "POST", body)
    assert answer.status == 400
    assert reason in answer.json()["error"]
    assert server.control("faults") == {"faults": []}


def test_other_endpoints_have_faults_of_their_own(server: Server) -> None:
    event_id = server.page(1).json()["data"][0]["id"]
    server.fault("status_502", count=1, endpoint="event")
    assert server.page().status == 200
    assert server.ask("{base}/events/" + event_id).status == 502
    assert server.ask("{base}/events/" + event_id).status == 200


def test_a_fault_takes_no_event_from_the_feed(serve: Serve) -> None:
    server = serve("--total", "3000", "--fault", "duplicate_events=0.5", "--fault", "malformed_events=0.5,kinds=null")
    served = [event for event in server.walk(100) if event is not None]
    unique = {event["id"]: event for event in served}
    assert len(served) > 3_000
    assert list(islice(unique.values(), 3_000)) == [json.loads(line) for line in ground_truth("--total", "3000")]
