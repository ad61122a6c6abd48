"""Servers of a few lines and the client that talks with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from scrapy import Request, Spider
from scrapy.crawler import Crawler

from datasync_spider.transport.client import COUNTS, ONLY_READS, HttpClient

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts its connections and requests. ``answers``: what each request gets, the last one again and again."""

    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.open: list[asyncio.StreamWriter] = []
        self._answers = list(answers)
        self._closes = closes

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        while True:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked.set()
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


SETTINGS = {"DOWNLOAD_VERIFY_CERTIFICATES": True, "DOWNLOAD_WARNSIZE": 0, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}


class Client:
    """The client with what it counts. ``repeated``: how many requests it has sent a second time by itself."""

    def __init__(self, seconds: float) -> None:
        self.repeated = 0
        self.http = HttpClient(Crawler(Spider, SETTINGS), seconds, 1000, self._count)

    async def ask(
        self,
        url: str,
        *headers: tuple[str, str],
        proxy_url: str | None = None,
        method: str = "GET",
        body: bytes = b"",
        only_reads: bool = False,
        counts: bool = False,
        afresh: bool = False,
    ) -> bytes:
        meta = {ONLY_READS: only_reads, COUNTS: counts, **({} if proxy_url is None else {"proxy": proxy_url})}
        request = Request(url, method=method, body=body, headers=list(headers), meta=meta)
        return (await self.http.ask(request, afresh=afresh)).body

    def _count(self) -> None:
        self.repeated += 1


@contextlib.asynccontextmanager
async def a_client(seconds: float = 20.0) -> AsyncIterator[Client]:
    client = Client(seconds)
    try:
        yield client
    finally:
        await client.http.close()
