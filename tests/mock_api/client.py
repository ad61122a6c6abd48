"""Starts the mock as a process and talks to it over loopback."""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from tests.support.starting import run, start

PROJECT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 20


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def code(self) -> Any:
        return self.json()["code"]


class Server:
    """A mock; ``close`` ends it."""

    def __init__(self, *arguments: str) -> None:
        self.process = start(
            *("mock_api", "--exit-with-parent"),
            *arguments,
            environment=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.base_url = self.process.stdout.readline().strip()
        parts = urlsplit(self.base_url)
        assert parts.hostname is not None, f"the mock did not start: {self.base_url!r}"
        assert parts.port is not None
        self.address = (parts.hostname, parts.port)
        self.base_path = parts.path

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)

    def ask(
        self, path: str, method: str = "GET", body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """Ask for a path, in which a leading ``{base}`` stands for the API's."""
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path.replace("{base}", self.base_path), body, named)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def page(self, limit: int | None = None, cursor: str | None = None, **params: Any) -> Answer:
        query = {"limit": limit, "cursor": cursor, **params}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        return self.ask("{base}/events" + (f"?{text}" if text else ""))

    def next_cursor(self, limit: int = 10) -> str:
        return str(self.page(limit).json()["pagination"]["nextCursor"])

    def walk(self, limit: int) -> list[Any]:
        """Every event that the feed serves."""
        events: list[Any] = []
        cursor = None
        while True:
            page = self.page(limit, cursor).json()
            events += page["data"]
            cursor = page["pagination"]["nextCursor"]
            if not page["pagination"]["hasMore"]:
                return events

    def control(self, path: str, method: str = "GET", content: Any = None) -> Any:
        answer = self.ask(f"/__control/{path}", method, None if content is None else json.dumps(content).encode())
        assert answer.status == 200, answer.body
        return answer.json()

    def fault(self, name: str, **rule: Any) -> None:
        self.control("faults", "POST", {"name": name, **(rule or {"count": 1})})

    def stats(self) -> Any:
        return self.control("stats")

    def raw(self, path: str) -> RawAnswer:
        return RawAnswer(self, path)

    def close(self) -> int:
        """End it; nothing may have gone wrong inside."""
        self.process.terminate()
        printed = self.process.communicate(timeout=TIMEOUT_S)
        assert printed == ("", "")
        return self.process.wait()


class RawAnswer:
    """An answer read as bytes, for the ones that are no good HTTP."""

    def __init__(self, server: Server, path: str) -> None:
        self._socket = socket.create_connection(server.address, TIMEOUT_S)
        request = f"GET {path.replace('{base}', server.base_path)} HTTP/1.1\r\nHost: mock\r\n\r\n"
        self._socket.sendall(request.encode())
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A reset rather than an orderly end: nothing lingers, however much was left unread.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def read(self) -> bool:
        """Read some more; False at an orderly end."""
        more = self._socket.recv(65_536)
        self.received += more
        return bool(more)

    def read_to_end(self) -> None:
        while self.read():
            pass

    def read_until_silent(self, silence_s: float) -> None:
        """Read until nothing comes for a while; TimeoutError is the silence, an end is a failure."""
        self._socket.settimeout(silence_s)
        try:
            self.read_to_end()
        except TimeoutError:
            return
        raise AssertionError("the connection ended")

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def promised_length(self) -> int:
        head = self.received.partition(b"\r\n\r\n")[0]
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return int(lengths[0].split(b":")[1])


def ground_truth(*arguments: str) -> list[bytes]:
    """What the mock says that it serves, from a process of its own: one event a line."""
    done = run("mock_api", "events", *arguments, environment=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.encode(errors="surrogateescape").splitlines()
