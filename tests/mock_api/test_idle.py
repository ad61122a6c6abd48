"""A connection that no one uses is closed; one whose client waits for the server is not."""

from __future__ import annotations

import asyncio

from mock_api.feed import Feed
from mock_api.httpserver import ApiServer, now
from mock_api.options import parse
from mock_api.server import build_router

IDLE_S = 0.2
PAGE = b"GET /api/v1/events?limit=1 HTTP/1.1\r\nHost: mock\r\n\r\n"


async def connected(*arguments: str) -> tuple[ApiServer, asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    options = parse(["--total", "10", *arguments], {})
    feed = Feed(options.feed.seed, options.total, options.memory_bytes)
    server = ApiServer(build_router(options, feed), loop, IDLE_S)
    listening = await loop.create_server(server.connection, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    listening.close()
    return server, reader, writer


def test_a_connection_without_requests_is_closed() -> None:
    async def answers_then_ends() -> bytes:
        server, reader, writer = await connected()
        began = asyncio.get_running_loop().time()
        writer.write(PAGE)
        received = await reader.read()
        assert asyncio.get_running_loop().time() - began >= IDLE_S
        assert not server.connections
        writer.close()
        return received

    assert asyncio.run(answers_then_ends()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_waits_for_a_late_answer_is_not_idle() -> None:
    async def waits() -> bytes:
        _, reader, writer = await connected("--latency-ms", str(round(IDLE_S * 3_000)))
        writer.write(PAGE)
        received = await reader.read()
        writer.close()
        return received

    assert asyncio.run(waits()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_closing_ends_what_is_under_way() -> None:
    async def is_cut() -> bytes:
        server, reader, writer = await connected("--latency-ms", "60000")
        writer.write(PAGE)
        while not server.router.stats.described(None, now())["requests"]:  # noqa: ASYNC110 - no one reports
            await asyncio.sleep(0)
        server.close()
        received = await reader.read()
        writer.close()
        return received

    assert asyncio.run(is_cut()) == b""
