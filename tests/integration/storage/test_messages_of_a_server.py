"""What a server says before a login has succeeded is in an encoding of its own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.storage.connection import connect

_SSL_REQUEST_BYTES = 8


@contextmanager
def refusing(words: bytes) -> Iterator[int]:
    """The port of a server that refuses each login with these words, as PostgreSQL would."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if len(connection.recv(4096)) == _SSL_REQUEST_BYTES:
                    connection.sendall(b"N")
                    connection.recv(4096)
                fields = b"SFATAL\0VFATAL\0C28P01\0M" + words + b"\0\0"
                connection.sendall(b"E" + struct.pack("!I", 4 + len(fields)) + fields)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    # Closing alone does not wake the thread that is in accept().
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("latin-1", r"Anmeldung f\xfcr me abgelehnt"), ("utf-8", "Anmeldung f\xfcr me abgelehnt")]
)
def test_a_refused_login_is_reported_in_whatever_encoding_it_was_refused(encoding: str, shown: str) -> None:
    words = "Anmeldung f\xfcr me abgelehnt".encode(encoding)
    with refusing(words) as port, pytest.raises(StorageUnavailable) as caught:
        connect(f"postgresql://me:hush@127.0.0.1:{port}/events")
    assert shown in str(caught.value)
