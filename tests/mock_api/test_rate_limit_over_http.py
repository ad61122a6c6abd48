"""The rate window as a client meets it."""

from __future__ import annotations

from collections.abc import Callable

from tests.mock_api.client import Server
from tests.support.waiting import eventually

Serve = Callable[..., Server]


def test_there_is_no_limit_and_no_header_by_default(server: Server) -> None:
    answers = [server.page(1) for _ in range(30)]
    assert {answer.status for answer in answers} == {200}
    assert not [name for name in answers[0].headers if "ratelimit" in name.lower()]


def test_ten_requests_pass_and_the_next_learns_when_to_come_back(serve: Serve) -> None:
    server = serve("--total", "100", "--rate-limit", "10", "--rate-window-ms", "60000")
    answers = [server.page(1) for _ in range(11)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == [*map(str, range(9, -1, -1)), "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"10"}
    last = answers[-1]
    assert last.status == 429
    reported = int(last.headers["Retry-After"])
    assert 50 <= reported <= 60
    assert last.headers["X-RateLimit-Reset"] == str(reported)
    assert last.json() == {
        "error": "Too Many Requests",
        "code": "RATE_LIMIT_EXCEEDED",
        "rateLimit": {"limit": 10, "remaining": 0, "reset": reported},
    }


def test_the_window_is_shared_by_both_endpoints_of_events_and_by_no_other_key(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "2")
    assert server.ask("{base}/events", X_API_Key="one").status == 200
    assert server.ask("{base}/events/unknown", X_API_Key="one").status == 404
    assert server.ask("{base}/events/unknown", X_API_Key="one").status == 429
    assert server.ask("{base}/events", X_API_Key="two").status == 200


def test_bad_requests_count_as_well(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "2")
    assert [server.page(10, "forged").status for _ in range(3)] == [400, 400, 429]


def test_waiting_as_asked_is_enough_and_coming_earlier_is_noticed(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "1", "--rate-window-ms", "1500")
    assert [server.page(1).status for _ in range(3)] == [200, 429, 429]
    assert server.stats()["early_requests"] == 1
    eventually(lambda: server.page(1).status == 200, what="the next window")
    assert server.stats()["early_requests"] >= 1


def test_a_client_that_waits_is_not_early(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "1", "--rate-window-ms", "1000", "--retry-after-style", "fraction")
    assert [server.page(1).status for _ in range(2)] == [200, 429]
    refused = server.stats()["requests"][-1]["monotonic_ms"]

    def reported_wait_is_over() -> bool:
        # By the clock of the server; the controls are outside of the window.
        return bool(server.stats()["monotonic_ms"] > refused + 1_100)

    eventually(reported_wait_is_over, what="the reported wait")
    assert server.page(1).status == 200
    assert server.stats()["early_requests"] == 0


def test_other_generations_of_headers_replace_the_first(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "5", "--rate-headers", "ietf-structured")
    headers = server.page().headers
    assert headers["RateLimit"].startswith('"default";r=4;t=')
    assert headers["RateLimit-Policy"] == '"default";q=5;w=60'
    assert headers["X-RateLimit-Limit"] is None


def test_a_429_may_carry_nothing(serve: Serve) -> None:
    server = serve("--total", "10", "--rate-limit", "1", "--rate-headers", "none", "--retry-after-style", "none")
    answer = [server.page() for _ in range(2)][-1]
    assert answer.status == 429
    assert not {"retry-after", "x-ratelimit-reset"} & {name.lower() for name in answer.headers}
