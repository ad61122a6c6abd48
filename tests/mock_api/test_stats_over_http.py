"""What the server remembers of its requests."""

from __future__ import annotations

from collections.abc import Callable

from tests.mock_api.client import Server
from tests.support.waiting import eventually

Serve = Callable[..., Server]


def test_requests_are_counted_by_endpoint_and_status(serve: Serve) -> None:
    server = serve("--total", "100")
    event_id = server.page(1).json()["data"][0]["id"]
    server.page(10, "forged")
    server.ask("{base}/events/" + event_id)
    server.ask("{base}/events/none")
    server.ask("/health")
    assert server.stats()["by_endpoint"] == {
        "event": {"200": 1, "404": 1},
        "events": {"200": 1, "400": 1},
        "health": {"200": 1},
    }


def test_each_request_of_the_feed_is_remembered_with_its_times_and_place(serve: Serve) -> None:
    server = serve("--total", "100")
    cursor = server.next_cursor(30)
    server.page(50, cursor)
    stats = server.stats()
    first, second = stats["requests"]
    assert (first["number"], first["status"], first["before_age"], first["events"]) == (1, 200, 100, 30)
    assert (second["number"], second["status"], second["before_age"], second["events"]) == (2, 200, 70, 50)
    assert first["monotonic_ms"] <= first["finished_monotonic_ms"] <= second["monotonic_ms"] <= stats["monotonic_ms"]
    assert first["epoch_ms"] <= second["epoch_ms"]
    assert first["delivered"] is True
    assert stats["events_served"] == 80
    assert server.control("stats?last=1")["requests"] == [second]
    assert server.control("stats?last=0")["requests"] == []


def test_a_broken_delivery_is_remembered_as_such(serve: Serve) -> None:
    server = serve("--total", "100")
    server.fault("stalled")
    with server.raw("{base}/events") as answer:
        answer.read()
        assert server.stats()["requests"][0]["finished_monotonic_ms"] is None
    eventually(lambda: server.stats()["requests"][0]["finished_monotonic_ms"], what="the end of the connection")
    (entry,) = server.stats()["requests"]
    assert entry["delivered"] is False
    assert entry["faults"] == ["stalled"]


def test_the_most_requests_at_once_are_counted(serve: Serve) -> None:
    server = serve("--total", "100")
    server.fault("stalled", count=3)
    with (
        server.raw("{base}/events") as first,
        server.raw("{base}/events") as second,
        server.raw("{base}/events") as third,
    ):
        for answer in (first, second, third):
            assert answer.read()
    server.page()
    assert server.stats()["most_concurrent"] == 3


def test_clients_are_known_by_agent_and_of_keys_only_the_number(serve: Serve) -> None:
    server = serve("--total", "100", "--no-control")
    assert server.ask("/__control/stats").status == 404
    server = serve("--total", "100")
    for key in ("secret-one", "secret-two", "secret-one"):
        server.ask("{base}/events", X_API_Key=key, User_Agent="agent/1")
    server.ask("{base}/events", User_Agent="agent/2")
    answer = server.ask("/__control/stats")
    assert answer.json()["user_agents"] == {"agent/1": 3, "agent/2": 1}
    assert answer.json()["api_key"] == {"present": 3, "absent": 1, "distinct": 2}
    assert b"secret" not in answer.body


def test_statistics_can_be_cleared(serve: Serve) -> None:
    server = serve("--total", "100")
    server.page()
    assert server.control("stats", "DELETE") == {}
    stats = server.stats()
    assert (stats["requests"], stats["by_endpoint"], stats["events_served"]) == ([], {}, 0)


def test_a_control_that_does_not_exist_or_makes_no_sense_is_refused(serve: Serve) -> None:
    server = serve("--total", "100")
    for method, path, status in [
        ("GET", "nothing", 404),
        ("GET", "grow?by=1", 404),
        ("POST", "grow", 400),
        ("POST", "grow?by=-1", 400),
        ("POST", "grow?by=99999999999", 400),
        ("GET", "stats?last=x", 400),
    ]:
        answer = server.ask(f"/__control/{path}", method)
        assert (answer.status, list(answer.json())) == (status, ["error"])
    assert server.page(1).json()["meta"]["total"] == 100
