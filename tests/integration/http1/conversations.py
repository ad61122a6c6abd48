"""Servers of a few lines and the client that talks with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from datasync_spider.http1.client import HttpClient

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
