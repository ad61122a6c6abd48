"""A TCP proxy before PostgreSQL's socket that cuts, halves, stalls, slows down and betrays connections.

Invariant: bytes pass unchanged and in order until a connection is hurt; nothing is ever made up.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import threading
import time

_CHUNK_BYTES = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Direction(enum.Enum):
    """Seen from the client."""

    OUT = "out"
    IN = "in"


class Betrayal(enum.Enum):
    """What becomes of the next message that holds certain bytes; its client is cut off in both cases."""

    # The server gets it and acts on it; its answer is thrown away.
    ANSWER_LOST = "answer lost"
    # The server never gets it, and never learns that its client is gone.
    MESSAGE_LOST = "message lost"


class _Pair:
    """One client's connection and ours to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.answer_is_lost = False
        self.is_halved = False

    def end(self, *, with_reset: bool) -> None:
        _end(self.client, with_reset=with_reset)
        _end(self.server, with_reset=with_reset)

    def halve(self) -> None:
        """The client is cut off; the server's side stays open and silent until the proxy closes."""
        self.is_halved = True
        _end(self.client, with_reset=True)


class Proxy:
    """Listens on a loopback port and forwards to the socket at ``target``. Threads: two a connection."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = {direction: threading.Event() for direction in Direction}
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        self._halved: list[_Pair] = []
        self._trap: tuple[bytes, Betrayal] | None = None
        self._bytes_per_second: int | None = None
        self.sprung = threading.Event()
        self.flow()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def connections(self) -> int:
        """How many are open through it."""
        with self._lock:
            return len(self._pairs)

    def cut(self, *, with_reset: bool) -> int:
        """Ends all connections, with a FIN or a RST; gives how many."""
        pairs = self._take_all()
        for pair in pairs:
            pair.end(with_reset=with_reset)
        return len(pairs)

    def halve(self) -> int:
        """Cuts all clients off while the server believes them to be there; gives how many."""
        pairs = self._take_all()
        for pair in pairs:
            pair.halve()
        with self._lock:
            self._halved += pairs
        return len(pairs)

    def stall(self, *directions: Direction) -> None:
        """Lets nothing through in these directions, or in both, while connections stay open."""
        for direction in directions or Direction:
            self._flowing[direction].clear()

    def flow(self) -> None:
        """Ends all stalls."""
        for event in self._flowing.values():
            event.set()

    def throttle(self, bytes_per_second: int | None) -> None:
        """How fast a client's bytes reach the server, each connection by itself; None: as fast as they come."""
        self._bytes_per_second = bytes_per_second

    def betray(self, needle: bytes, betrayal: Betrayal) -> None:
        """Sets a trap for the next message from a client that holds the needle; ``sprung`` is set when it was used.

        A COMMIT is distinguished from what merely names one, such as BEGIN ISOLATION LEVEL READ COMMITTED, by the zero
        after it.
        """
        self.sprung.clear()
        with self._lock:
            self._trap = (needle, betrayal)

    def close(self) -> None:
        self.flow()
        # Closing alone does not wake the thread that is in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut(with_reset=False)
        for pair in self._halved:
            pair.end(with_reset=False)

    def _take_all(self) -> set[_Pair]:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        return pairs

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            pair = _Pair(client, server)
            with self._lock:
                self._pairs.add(pair)
            for direction in Direction:
                threading.Thread(target=self._pump, args=(pair, direction), daemon=True).start()

    def _pump(self, pair: _Pair, direction: Direction) -> None:
        source, sink = (pair.client, pair.server) if direction is Direction.OUT else (pair.server, pair.client)
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                self._flowing[direction].wait()
                if not self._may_pass(pair, direction, chunk):
                    break
                if self._bytes_per_second and direction is Direction.OUT:
                    time.sleep(len(chunk) / self._bytes_per_second)
                sink.sendall(chunk)
        with self._lock:
            self._pairs.discard(pair)
        if not pair.is_halved:
            pair.end(with_reset=False)

    def _may_pass(self, pair: _Pair, direction: Direction, chunk: bytes) -> bool:
        if direction is Direction.IN:
            if pair.answer_is_lost:
                _end(pair.client, with_reset=True)
                self.sprung.set()
            return not pair.answer_is_lost
        with self._lock:
            if self._trap is None or self._trap[0] not in chunk:
                return True
            _, betrayal = self._trap
            self._trap = None
        if betrayal is Betrayal.ANSWER_LOST:
            pair.answer_is_lost = True
            return True
        with self._lock:
            self._halved.append(pair)
        pair.halve()
        self.sprung.set()
        return False


def _end(connection: socket.socket, *, with_reset: bool) -> None:
    with contextlib.suppress(OSError):
        if with_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # Wakes the thread that reads from it.
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
