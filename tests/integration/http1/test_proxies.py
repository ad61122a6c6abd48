"""The client and a proxy: what each of the three parties gets to see, and whose fault it is when nothing comes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from pathlib import Path

import pytest

from datasync_spider.http1.errors import NotConnected, ProxyRefused, TlsFailed
from tests.integration.http1.conversations import a_client, get, serving
from tests.support.rawserver import response
from tests.support.tls import TlsServer


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
