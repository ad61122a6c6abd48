"""The client against real sockets: what is kept, what is asked again, and every way in which an answer may not come."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from datasync_spider.http1.client import HttpClient
from datasync_spider.http1.errors import (
    BodyCut,
    ConnectionLost,
    HttpError,
    NameNotFound,
    NotConnected,
    NotHttp,
    ProxyRefused,
    TlsFailed,
)
from tests.support.rawserver import response
from tests.support.tls import TlsServer

OK = response(200, b"whole")
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts its connections and requests. ``answers``: what each request gets, the last one again and again."""

    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: list[asyncio.StreamWriter] = []
        self._answers = list(answers)
        self._closes = closes

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        while True:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])
            await writer.drain()
            if self._closes:
                return


@contextlib.asynccontextmanager
async def serving(conversation: Conversation) -> AsyncIterator[str]:
    under_way: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await conversation(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if under_way:
            await asyncio.wait(under_way, timeout=10)


@contextlib.contextmanager
def a_client() -> Iterator[HttpClient]:
    client = HttpClient(max_body_bytes=1000)
    try:
        yield client
    finally:
        client.close()


async def get(client: HttpClient, url: str, proxy_url: str | None = None, *headers: tuple[bytes, bytes]) -> bytes:
    return (await client.ask("GET", url, headers, proxy_url=proxy_url)).body()


def test_one_connection_serves_one_request_after_the_other() -> None:
    async def run() -> None:
        server = Server(OK)
        async with serving(server) as url:
            with a_client() as client:
                assert [await get(client, url) for _ in range(3)] == [b"whole"] * 3
        assert (server.connections, len(server.requests)) == (1, 3)

    asyncio.run(run())


@pytest.mark.parametrize("closing", [response(200, b"whole", Connection="close"), OK + b"unasked"])
def test_a_connection_that_cannot_go_on_is_not_used_again(closing: bytes) -> None:
    async def run() -> None:
        server = Server(closing)
        async with serving(server) as url:
            with a_client() as client:
                assert [await get(client, url) for _ in range(2)] == [b"whole"] * 2
        assert server.connections == 2

    asyncio.run(run())


def test_what_a_server_says_unasked_ends_the_connection_and_answers_nobody() -> None:
    async def run() -> None:
        server = Server(OK)
        async with serving(server) as url:
            with a_client() as client:
                await get(client, url)
                server.open[0].write(response(200, b"poison"))
                await server.open[0].drain()
                # Our side has read it, and hung up.
                await asyncio.wait_for(server.open[0].wait_closed(), 10)
                assert await get(client, url) == b"whole"
        assert server.connections == 2

    asyncio.run(run())


def test_a_kept_connection_that_dies_under_a_request_is_replaced_once_where_nothing_is_changed_by_it() -> None:
    async def run(method: str) -> int:
        server = Server(OK)
        asked = 0

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                await server(reader, writer)
                return
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            # The second request arrives, and no answer comes to it.
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()

        async with serving(conversation) as url:
            with a_client() as client:
                await get(client, url)
                assert (await client.ask(method, url, [])).body() == b"whole"
        return len(server.requests)

    assert asyncio.run(run("GET")) == 1
    with pytest.raises(ConnectionLost):
        asyncio.run(run("POST"))


def test_a_fresh_connection_that_dies_is_not_replaced() -> None:
    async def run() -> int:
        connections = 0

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()

        async with serving(conversation) as url:
            with a_client() as client, pytest.raises(ConnectionLost):
                await get(client, url)
        return connections

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", BodyCut),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", BodyCut),
        (b"HTTP/1.1 200 OK\r\nContent-Le", BodyCut),
        (b"220 smtp.example ESMTP\r\n", NotHttp),
    ],
)
def test_an_answer_that_does_not_come_whole_is_an_error(answer: bytes, error: type[HttpError]) -> None:
    async def run() -> None:
        async with serving(Server(answer, closes=True)) as url:
            with a_client() as client, pytest.raises(error):
                await get(client, url)

    asyncio.run(run())


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def run() -> bytes:
        async with serving(Server(b"HTTP/1.0 200 OK\r\n\r\nall there is", closes=True)) as url:
            with a_client() as client:
                return await get(client, url)

    assert asyncio.run(run()) == b"all there is"


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def run() -> None:
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", OK)
        async with serving(server) as url:
            with a_client() as client:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await get(client, url)
                assert await get(client, url) == b"whole"
        assert server.connections == 2

    asyncio.run(run())


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def run(url: str) -> None:
        with a_client() as client:
            await get(client, url)

    with pytest.raises(NotConnected, match=rf"to 127\.0\.0\.1:{port}: Connection refused"):
        asyncio.run(run(f"http://127.0.0.1:{port}/"))
    with pytest.raises(NameNotFound, match=r"no-such-host\.invalid"):
        asyncio.run(run("http://no-such-host.invalid/"))


def test_a_proxy_that_is_not_there_or_is_none_is_told_as_the_proxys_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def run(proxy_url: str) -> None:
        with a_client() as client:
            await get(client, "http://127.0.0.1:9/", proxy_url)

    with pytest.raises(NotConnected, match=rf"to the proxy 127\.0\.0\.1:{port}: Connection refused"):
        asyncio.run(run(f"http://127.0.0.1:{port}"))
    with pytest.raises(ValueError, match="the proxy cannot be used"):
        asyncio.run(run(f"socks5://127.0.0.1:{port}"))


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    server = TlsServer(tmp_path)

    async def run() -> None:
        with a_client() as client, pytest.raises(TlsFailed, match="certificate verify failed"):
            await get(client, server.base_url)

    try:
        asyncio.run(run())
    finally:
        server.close()
    assert server.requests == []


class Proxy:
    """Opens tunnels for whoever brings the password, and answers plain requests itself."""

    def __init__(self, password: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._password = password

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, target, _ = head.split(b" ", 2)
        if self._password not in head:
            writer.write(response(407, b"who are you?", Proxy_Authenticate="Basic"))
        elif method != b"CONNECT":
            writer.write(response(200, b"by the proxy"))
        else:
            host, _, port = target.decode().rpartition(":")
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
        sink.close()


CREDENTIALS = b"Basic " + base64.b64encode(b"user:secret")


def test_a_proxy_is_asked_with_the_whole_url_and_its_password() -> None:
    async def run() -> list[bytes]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url:
            with a_client() as client:
                header = (b"Proxy-Authorization", CREDENTIALS)
                assert await get(client, "http://api.invalid/a?b=c", proxy_url, header) == b"by the proxy"
        return proxy.heads

    (head,) = asyncio.run(run())
    assert head.startswith(b"GET http://api.invalid/a?b=c HTTP/1.1\r\nHost: api.invalid\r\n")


def test_a_tunnel_gets_the_proxys_password_and_the_server_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TlsServer(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))

    async def run() -> list[bytes]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url:
            with a_client() as client:
                for _ in range(2):
                    header = (b"Proxy-Authorization", CREDENTIALS)
                    body = await get(client, f"{server.base_url}/events", proxy_url, header, (b"X-API-Key", b"key"))
                    assert b"the-only-one" in body
        return proxy.heads

    try:
        heads = asyncio.run(run())
    finally:
        server.close()
    # The test server speaks HTTP/1.0, so each request takes a tunnel of its own.
    assert len(heads) == len(server.requests) == 2
    assert all(head.startswith(b"CONNECT 127.0.0.1:") and CREDENTIALS in head for head in heads)
    assert all(b"X-API-Key" not in head for head in heads)
    assert not any("Proxy-Authorization" in headers for headers in server.headers)


def test_a_proxy_that_refuses_is_named_with_its_status() -> None:
    async def run() -> None:
        async with serving(Proxy(CREDENTIALS)) as proxy_url:
            with a_client() as client, pytest.raises(ProxyRefused, match="407"):
                await get(client, "https://api.invalid/", proxy_url)

    asyncio.run(run())


def test_the_server_is_who_must_prove_itself_also_through_a_tunnel(tmp_path: Path) -> None:
    server = TlsServer(tmp_path)

    async def run() -> None:
        async with serving(Proxy()) as proxy_url:
            with a_client() as client, pytest.raises(TlsFailed, match="certificate verify failed"):
                await get(client, server.base_url, proxy_url)

    try:
        asyncio.run(run())
    finally:
        server.close()
    assert server.requests == []
