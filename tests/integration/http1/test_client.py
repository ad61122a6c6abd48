"""The client against real sockets: what is kept, what is asked again, and every way in which an answer may not come."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from datasync_spider.http1.errors import (
    BodyCut,
    ConnectionLost,
    HttpError,
    NameNotFound,
    NotConnected,
    NotHttp,
    TlsFailed,
)
from tests.integration.http1.conversations import Server, a_client, get, serving
from tests.support.rawserver import response
from tests.support.tls import TlsServer

OK = response(200, b"whole")


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
