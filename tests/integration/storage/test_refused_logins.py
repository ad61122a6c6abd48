"""What no repetition mends about DATABASE_URL is said at once, with what to write; a login that is refused may mend."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.storage.connection import connected


@pytest.fixture
def port_without_tls() -> Iterator[int]:
    """Of what refuses TLS as PostgreSQL does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(8)
                connection.sendall(b"N")

        refusing = threading.Thread(target=refuse)
        refusing.start()
        yield server.getsockname()[1]
        refusing.join(10)


def test_a_url_without_a_user_is_reported_where_the_server_does_not_know_who_runs_this(database_url: str) -> None:
    parts = urlsplit(database_url)
    url = database_url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)
    with pytest.raises(StorageRefused, match="DATABASE_URL names no user"), connected(url):
        pass


def test_a_server_without_tls_is_reported_where_the_url_asks_for_it(port_without_tls: int) -> None:
    url = f"postgresql://me@127.0.0.1:{port_without_tls}/events?sslmode=require"
    with pytest.raises(StorageRefused, match="DATABASE_URL has sslmode=require"), connected(url):
        pass


@pytest.fixture
def port_of_a_wrong_password() -> Iterator[int]:
    """Of what asks for a password in clear, and refuses any as PostgreSQL does."""
    fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "me"\0\0'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"R\0\0\0\x08\0\0\0\x03")
                connection.recv(1024)
                connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

        refusing = threading.Thread(target=refuse)
        refusing.start()
        yield server.getsockname()[1]
        refusing.join(10)


@pytest.mark.parametrize(
    ("login", "words"), [("me:wr0ng", "does not take user and password"), ("me", "DATABASE_URL holds no password")]
)
def test_a_password_that_is_wrong_or_missing_is_reported_at_once_and_not_shown(
    port_of_a_wrong_password: int, login: str, words: str
) -> None:
    url = f"postgresql://{login}@127.0.0.1:{port_of_a_wrong_password}/events?sslmode=disable"
    with pytest.raises(StorageRefused, match=words) as refused, connected(url):
        pass
    assert "wr0ng" not in str(refused.value)


def test_a_role_or_a_database_that_is_not_there_may_come(database_url: str) -> None:
    parts = urlsplit(database_url)
    for url in (
        database_url.replace(parts.netloc, "nobody@" + parts.netloc.rpartition("@")[2], 1),
        database_url.replace(parts.path, "/nothing", 1),
    ):
        with pytest.raises(StorageUnavailable, match="does not exist"), connected(url):
            pass


def test_an_address_where_nothing_listens_is_no_matter_of_the_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(StorageUnavailable), connected(f"postgresql://127.0.0.1:{port}/events"):
        pass
