"""What a connection carries: requests of every form that HTTP/1 allows, and of some that it does not."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from tests.mock_api.client import TIMEOUT_S, Server
from tests.support.waiting import eventually

Serve = Callable[..., Server]

HEALTH = b"GET /health HTTP/1.1\r\nHost: mock\r\n\r\n"
HEALTHY = b'{"status":"ok"}'
SUBMIT = b"POST /api/v1/submissions?github_repo=https://github.com/a/b HTTP/1.1\r\nHost: mock\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class Wire:
    """A connection on which bytes are sent as they stand."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._file = connected.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def head(self) -> bytes:
        lines: list[bytes] = []
        while not lines or lines[-1] != b"\r\n":
            lines.append(self._file.readline())
            assert lines[-1], f"the connection ended after {lines}"
        return b"".join(lines)

    def answer(self) -> tuple[bytes, bytes]:
        """The first line and the body of the next answer."""
        head = self.head()
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
        return head.partition(b"\r\n")[0], self._file.read(int(length.removeprefix(b"Content-Length: ")))

    def page(self) -> Any:
        first, body = self.answer()
        assert first == b"HTTP/1.1 200 OK"
        return json.loads(body)

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        return self._file.read()


@contextmanager
def wire(server: Server) -> Iterator[Wire]:
    with socket.create_connection(server.address, TIMEOUT_S) as connected:
        yield Wire(connected)


def page_of(limit: int, *fields: bytes) -> bytes:
    lines = [b"GET /api/v1/events?limit=%d HTTP/1.1" % limit, b"Host: mock", *fields, b"", b""]
    return b"\r\n".join(lines)


def test_requests_that_are_sent_at_once_are_answered_in_their_order(server: Server) -> None:
    with wire(server) as client:
        client.send(b"".join(page_of(limit) for limit in range(1, 101)))
        assert [len(client.page()["data"]) for _ in range(100)] == list(range(1, 101))


def test_a_request_waits_for_the_answer_of_the_one_before_it(server: Server) -> None:
    server.fault("slow", count=1, delay_ms=300)
    server.control("stats", "DELETE")
    with wire(server) as client:
        client.send(page_of(1), page_of(2))
        assert [len(client.page()["data"]) for _ in range(2)] == [1, 2]
    first, second = server.stats()["requests"]
    assert first["finished_monotonic_ms"] <= second["monotonic_ms"]


def test_a_request_may_arrive_byte_by_byte(server: Server) -> None:
    with wire(server) as client:
        client.send(*(bytes([byte]) for byte in page_of(3, b"User-Agent: slow/1")))
        assert len(client.page()["data"]) == 3
    assert "slow/1" in server.stats()["user_agents"]


def test_a_connection_is_kept_until_the_client_wants_it_closed(server: Server) -> None:
    with wire(server) as client:
        for _ in range(3):
            client.send(HEALTH)
            assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)
        client.send(b"GET /health HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n" + HEALTH)
        assert b"\r\nConnection: close\r\n" in client.head()
        assert client.rest() == HEALTHY


@pytest.mark.parametrize("field", [b"", b"Connection: keep-alive\r\n"])
def test_a_connection_of_http_1_0_carries_one_answer(server: Server, field: bytes) -> None:
    with wire(server) as client:
        client.send(b"GET /health HTTP/1.0\r\n" + field + b"\r\n" + b"GET /health HTTP/1.0\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.0 200 OK\r\n")
        assert client.rest() == HEALTHY


def test_an_answer_to_head_has_no_body(server: Server) -> None:
    with wire(server) as client:
        client.send(b"HEAD /api/v1/events HTTP/1.1\r\nHost: mock\r\n\r\n" + HEALTH)
        head = client.head()
        assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert b"\r\nContent-Length: 0\r\n" not in head
        assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_answered_as_not_found(server: Server, method: str) -> None:
    with wire(server) as client:
        client.send(f"{method} /health HTTP/1.1\r\nHost: mock\r\n\r\n".encode() + HEALTH)
        first, body = client.answer()
        assert (first, json.loads(body)["message"]) == (b"HTTP/1.1 404 Not Found", f"Cannot {method} /health")
        assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/2.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: mock\n\n",
        b"POST /health HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"GET /health HTTP/1.1\r\nToo-Large: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_good_http_is_refused_after_what_was(server: Server, sent: bytes) -> None:
    with wire(server) as client:
        client.send(HEALTH + sent)
        assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)
        assert client.rest() == BAD_REQUEST


def test_a_head_without_an_end_is_refused(server: Server) -> None:
    with wire(server) as client:
        client.send(b"GET /health HTTP/1.1\r\nEndless: ")

        def refuses_more() -> bool:
            try:
                client.send(b"x" * 10_000)
            except ConnectionError:
                return True
            return False

        eventually(refuses_more, what="the end of the connection")


def test_the_client_is_asked_to_send_a_body_that_it_holds_back(serve: Serve) -> None:
    server = serve("--total", "10")
    with wire(server) as client:
        client.send(SUBMIT + b"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n")
        assert client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"one\ntwo")
        assert client.page()["data"]["eventCount"] == 2


def test_it_is_asked_to_when_its_turn_has_come(serve: Serve) -> None:
    server = serve("--total", "10")
    server.fault("slow", count=1, delay_ms=200)
    with wire(server) as client:
        client.send(page_of(1) + SUBMIT + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert len(client.page()["data"]) == 1
        assert client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"one")
        assert client.page()["data"]["eventCount"] == 1


@pytest.mark.parametrize(
    ("framing", "body"),
    [(b"Content-Length: 7", b"one\ntwo"), (b"Transfer-Encoding: chunked", b"7\r\none\ntwo\r\n0\r\n\r\n")],
)
def test_a_wish_for_another_protocol_is_not_heard(serve: Serve, framing: bytes, body: bytes) -> None:
    server = serve("--total", "10")
    with wire(server) as client:
        client.send(SUBMIT + b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + framing + b"\r\n\r\n" + body + HEALTH)
        assert client.page()["data"]["eventCount"] == 2
        assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)
        client.send(page_of(4, b"Upgrade: h2c", b"Connection: Upgrade") + HEALTH)
        assert len(client.page()["data"]) == 4
        assert client.answer() == (b"HTTP/1.1 200 OK", HEALTHY)


def test_a_client_that_has_nothing_more_to_ask_still_gets_its_answers(serve: Serve) -> None:
    server = serve("--total", "20000")
    with wire(server) as client:
        # More than the system takes at once: most of it is still to be sent when the end of the requests is seen.
        client.send(page_of(5_000) * 8)
        client.socket.shutdown(socket.SHUT_WR)
        assert [len(client.page()["data"]) for _ in range(8)] == [5_000] * 8
        assert client.rest() == b""
    assert all(entry["delivered"] for entry in server.stats()["requests"])


def test_a_client_that_leaves_in_the_middle_of_a_large_page_did_not_get_it(serve: Serve) -> None:
    server = serve("--total", "20000")
    with wire(server) as client:
        client.send(page_of(5_000) * 8)
        client.head()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client._file.close()
    entries = eventually(
        lambda: [entry for entry in server.stats()["requests"] if entry["delivered"] is False], what="the end"
    )
    assert len(entries) == 1
    assert server.close() == 0


def test_little_waits_for_a_client_that_does_not_read(serve: Serve) -> None:
    server = serve("--total", "20000", "--prepare")
    process = psutil.Process(server.process.pid)
    server.page(5_000)
    before = process.memory_info().rss
    with wire(server) as client:
        # Answers of 5 GB in all.
        client.send(page_of(5_000) * 3_000)
        begun = eventually(lambda: len(server.stats()["requests"]), what="the first answers")
        assert server.page(5_000).status == 200
        assert begun < 100
        assert process.memory_info().rss - before < 30_000_000
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.close() == 0
