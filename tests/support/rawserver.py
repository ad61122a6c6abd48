"""A server that answers one connection after the other with given bytes: for answers that no framework would send."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RESET = None


class RawServer:
    """``answer``: the bytes that follow a request's headers; RESET cuts the connection instead.

    ``reads_body`` False: it answers, and closes, as soon as the headers are there. ``requests`` holds what came. A POST
    is answered when ``may_answer`` is set.
    """

    def __init__(
        self, answer: bytes | None, *, reads_body: bool = True, tls: ssl.SSLContext | None = None, keep: bool = False
    ) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requests: list[bytes] = []
        self._answer = answer
        self._reads_body = reads_body
        self._tls = tls
        self._keep = keep
        self._kept: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def posts(self) -> int:
        """How many requests came that hand something in."""
        return sum(request.startswith(b"POST") for request in self.requests)

    @property
    def origin(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self.may_answer.set()
        # Closing alone does not wake a thread that is in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for connection in self._kept:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._answer_one(connection)
            except OSError:
                connection.close()

    def _answer_one(self, plain: socket.socket) -> None:
        connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                connection.close()
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while self._reads_body and len(body) < length and (piece := connection.recv(1 << 20)):
            body += piece
        self.requests.append(head + b"\r\n\r\n" + body)
        if head.startswith(b"POST"):
            self.may_answer.wait(60)
        if self._answer is RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.sendall(self._answer)
        if self._keep:
            self._kept.append(connection)
        else:
            connection.close()


@contextmanager
def raw_server(
    answer: bytes | None, *, reads_body: bool = True, tls: ssl.SSLContext | None = None, keep: bool = False
) -> Iterator[RawServer]:
    """``keep``: the connection stays open after the answer, as if more were to come."""
    server = RawServer(answer, reads_body=reads_body, tls=tls, keep=keep)
    try:
        yield server
    finally:
        server.close()


def response(status: int, body: bytes, **headers: str) -> bytes:
    """A whole answer with its length declared."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{named}\r\n".encode() + body
