"""The client against real sockets: what is kept, what is asked again, and every way in which an answer may not come."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from datasync_spider.transport.errors import (
    BodyCut,
    ConnectionLost,
    HttpError,
    NameNotFound,
    NotConnected,
    NotHttp,
    TlsFailed,
)
from datasync_spider.transport.reactor import run
from tests.integration.transport.conversations import Server, a_client, serving
from tests.support.rawserver import response
from tests.support.tls import TlsServer

OK = response(200, b"whole")


def test_one_connection_serves_one_request_after_the_other() -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            assert [await client.ask(url) for _ in range(3)] == [b"whole"] * 3
        assert (server.connections, len(server.requests)) == (1, 3)

    run(converse)


def test_a_connection_that_cannot_go_on_is_not_used_again() -> None:
    async def converse() -> None:
        server = Server(response(200, b"whole", Connection="close"))
        async with serving(server) as url, a_client() as client:
            assert [await client.ask(url) for _ in range(2)] == [b"whole"] * 2
            assert client.repeated == 0
        assert server.connections == 2

    run(converse)


@pytest.mark.parametrize("unasked", [b"unasked", response(404, b"evil"), response(200, b"evil"), b"\0"])
def test_what_comes_behind_an_answer_is_no_answer(unasked: bytes) -> None:
    async def converse() -> None:
        async with serving(Server(OK + unasked)) as url, a_client() as client:
            assert [await client.ask(url) for _ in range(2)] == [b"whole"] * 2

    run(converse)


def test_what_a_server_says_unasked_ends_the_connection_and_answers_no_one() -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            await client.ask(url)
            server.open[0].write(response(200, b"poison"))
            await server.open[0].drain()
            # Our side has read it, and hung up.
            await asyncio.wait_for(server.open[0].wait_closed(), 10)
            assert await client.ask(url) == b"whole"
        assert server.connections == 2

    run(converse)


def test_a_kept_connection_that_dies_under_a_request_is_replaced_once_where_nothing_is_changed_by_it() -> None:
    async def converse(method: str, *, only_reads: bool = False) -> int:
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

        async with serving(conversation) as url, a_client() as client:
            await client.ask(url)
            assert (
                await client.ask(url, method=method, body=b"{}" if method == "POST" else b"", only_reads=only_reads)
                == b"whole"
            )
            assert client.repeated == 1
        return len(server.requests)

    assert run(lambda: converse("GET")) == 1
    with pytest.raises(ConnectionLost):
        run(lambda: converse("POST"))
    # A search by POST is repeated as what it is, body and all.
    assert run(lambda: converse("POST", only_reads=True)) == 1


def test_a_request_that_counts_is_sent_once_and_the_next_one_over_a_connection_of_its_own() -> None:
    async def converse() -> int:
        asked = 0

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                if asked == 2:
                    writer.transport.abort()
                    return
                writer.write(OK)

        async with serving(conversation) as url, a_client() as client:
            await client.ask(url)
            with pytest.raises(ConnectionLost):
                await client.ask(url, counts=True)
            assert asked == 2
            assert await client.ask(url, counts=True) == b"whole"
            assert client.repeated == 0
        return asked

    assert run(converse) == 3


def test_a_fresh_connection_that_dies_is_not_replaced() -> None:
    async def converse() -> int:
        connections = 0

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()

        async with serving(conversation) as url, a_client() as client:
            with pytest.raises(ConnectionLost):
                await client.ask(url)
        return connections

    assert run(converse) == 1


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
    async def converse() -> None:
        async with serving(Server(answer, closes=True)) as url, a_client() as client:
            with pytest.raises(error):
                await client.ask(url)

    run(converse)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def converse() -> bytes:
        server = Server(b"HTTP/1.0 200 OK\r\n\r\nall there is", closes=True)
        async with serving(server) as url, a_client() as client:
            return await client.ask(url)

    assert run(converse) == b"all there is"


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def converse() -> None:
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", OK)
        async with serving(server) as url, a_client() as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.ask(url)
            assert await client.ask(url) == b"whole"
        assert server.connections == 2

    run(converse)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
def test_the_limit_of_time_covers_everything_up_to_the_last_byte(answer: bytes) -> None:
    async def converse() -> None:
        async with serving(Server(answer)) as url, a_client(seconds=0.2) as client:
            with pytest.raises(TimeoutError):
                await client.ask(url)

    run(converse)


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        while not writer.transport.is_closing():
            writer.write(b".")
            await asyncio.sleep(0.01)

    async def converse() -> None:
        async with serving(drip) as url, a_client(seconds=0.3) as client:
            with pytest.raises(TimeoutError):
                await client.ask(url)

    run(converse)


def test_a_stop_shortens_what_is_under_way_and_what_begins_after_it() -> None:
    async def converse() -> None:
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        async with serving(server) as url, a_client(seconds=3600) as client:
            asked = asyncio.ensure_future(client.ask(url))
            await server.asked.wait()
            client.http.shorten(0.1)
            with pytest.raises(TimeoutError):
                await asked
            with pytest.raises(TimeoutError):
                await client.ask(url)

    run(converse)


def test_a_connection_that_was_idle_for_long_is_closed_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasync_spider.transport.reactor._LONGEST_IDLE_SECONDS", 0.05)

    async def converse() -> None:
        ended = asyncio.Event()

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            assert await reader.read() == b""
            ended.set()

        async with serving(conversation) as url, a_client() as client:
            assert await client.ask(url) == b"whole"
            await asyncio.wait_for(ended.wait(), 10)
            assert await client.ask(url) == b"whole"
            assert client.repeated == 0

    run(converse)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def converse() -> None:
        elsewhere = Server(OK)
        async with (
            serving(elsewhere) as other,
            serving(Server(response(302, b"there", Location=f"{other}/x"))) as url,
            a_client() as client,
        ):
            assert await client.ask(url) == b"there"
        assert elsewhere.requests == []

    run(converse)


@pytest.mark.parametrize("path", ["/a%2Fb?c=%2B%20d&e=f%3D%3D", "/a?x=1&x=2&y", "/a;b?c=d|e", "/a?next=http://b/?c=d"])
def test_a_url_goes_out_as_it_is(path: str) -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            await client.ask(f"{url}{path}")
        assert server.requests[0].startswith(f"GET {path.replace('|', '%7C')} HTTP/1.1\r\n".encode())

    run(converse)


@pytest.mark.parametrize("value", ["k3y with spaces", "a:b;c=d,e", "x" * 5000, "zürich"])
def test_a_headers_value_goes_out_as_it_is(value: str) -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            await client.ask(url, ("X-Api-Key", value))
        assert f"\r\nX-Api-Key: {value}\r\n".encode() in server.requests[0]

    run(converse)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1"])
def test_a_header_cannot_grow_another_one(value: str) -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            await client.ask(url, ("X-Api-Key", value))
        assert b"\nX-Evil" not in server.requests[0]

    run(converse)


def test_no_one_there_and_no_such_name_are_distinguished() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def converse(url: str) -> None:
        async with a_client() as client:
            await client.ask(url)

    with pytest.raises(NotConnected, match=rf"to 127\.0\.0\.1:{port}: Connection refused"):
        run(lambda: converse(f"http://127.0.0.1:{port}/"))
    with pytest.raises(NameNotFound, match=r"no-such-host\.invalid"):
        run(lambda: converse("http://no-such-host.invalid/"))


def test_a_certificate_that_no_one_vouches_for_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    server = TlsServer(tmp_path)

    async def converse() -> None:
        async with a_client() as client:
            with pytest.raises(TlsFailed, match="certificate verify failed"):
                await client.ask(server.base_url)

    try:
        run(converse)
    finally:
        server.close()
    assert server.requests == []
