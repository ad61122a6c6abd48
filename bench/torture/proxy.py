"""A TCP proxy before PostgreSQL's socket that cuts and stalls connections.

Invariant: bytes pass unchanged and in order until a connection is cut; nothing is ever made up.
"""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK_BYTES = 65536


class Proxy:
    """Listens on a loopback port and forwards to the socket at ``target``. Threads: two a connection."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, with_reset: bool) -> int:
        """Ends all connections, with a FIN or a RST; gives how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    if with_reset:
                        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    end.shutdown(socket.SHUT_RDWR)
                    end.close()
        return len(pairs)

    def stall(self) -> None:
        """Lets nothing through, in both directions, while connections stay open."""
        self._flowing.clear()

    def flow(self) -> None:
        """Ends a stall."""
        self._flowing.set()

    def close(self) -> None:
        self.flow()
        self._listener.close()
        self.cut(with_reset=False)

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
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink, pair), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                self._flowing.wait()
                sink.sendall(chunk)
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
