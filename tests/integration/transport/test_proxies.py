"""The client and a proxy: what each of the three parties gets to see, and whose fault it is when nothing comes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from datasync_spider.transport.errors import NotConnected, ProxyRefused, TlsFailed
from datasync_spider.transport.reactor import run
from tests.integration.transport.conversations import a_client, serving
from tests.integration.transport.proxying import CREDENTIALS, Proxy
from tests.support.tls import TlsServer


def test_a_proxy_is_asked_with_the_whole_url_and_its_password() -> None:
    async def converse() -> list[bytes]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url, a_client() as client:
            header = ("Proxy-Authorization", CREDENTIALS.decode())
            assert await client.ask("http://api.invalid/a?b=c", header, proxy_url=proxy_url) == b"by the proxy"
        return proxy.heads

    (head,) = run(converse)
    assert head.startswith(b"GET http://api.invalid/a?b=c HTTP/1.1\r\n")
    assert b"\r\nHost: api.invalid\r\n" in head


def test_a_tunnel_gets_the_proxys_password_and_the_server_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TlsServer(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))

    async def converse() -> list[bytes]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url, a_client() as client:
            for _ in range(2):
                header = ("Proxy-Authorization", CREDENTIALS.decode())
                body = await client.ask(f"{server.base_url}/events", header, ("X-API-Key", "key"), proxy_url=proxy_url)
                assert b"the-only-one" in body
        return proxy.heads

    try:
        heads = run(converse)
    finally:
        server.close()
    # The test server speaks HTTP/1.0, so each request takes a tunnel of its own.
    assert len(heads) == len(server.requests) == 2
    assert all(head.startswith(b"CONNECT 127.0.0.1:") and CREDENTIALS in head for head in heads)
    assert all(b"x-api-key" not in head.lower() for head in heads)
    assert not any("Proxy-Authorization" in headers for headers in server.headers)


def test_a_proxy_that_refuses_is_named_with_its_status() -> None:
    async def converse() -> None:
        async with serving(Proxy(CREDENTIALS)) as proxy_url, a_client() as client:
            with pytest.raises(ProxyRefused, match="407"):
                await client.ask("https://api.invalid/", proxy_url=proxy_url)

    run(converse)


def test_the_server_is_who_must_prove_itself_also_through_a_tunnel(tmp_path: Path) -> None:
    server = TlsServer(tmp_path)

    async def converse() -> None:
        async with serving(Proxy()) as proxy_url, a_client() as client:
            with pytest.raises(TlsFailed, match="certificate verify failed"):
                await client.ask(server.base_url, proxy_url=proxy_url)

    try:
        run(converse)
    finally:
        server.close()
    assert server.requests == []


def test_a_proxy_that_is_not_there_or_is_none_is_reported_as_the_proxys_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def converse(proxy_url: str) -> None:
        async with a_client() as client:
            await client.ask("http://127.0.0.1:9/", proxy_url=proxy_url)

    with pytest.raises(NotConnected, match=rf"to the proxy 127\.0\.0\.1:{port}: Connection refused"):
        run(lambda: converse(f"http://127.0.0.1:{port}"))
    with pytest.raises(ValueError, match="the proxy cannot be used"):
        run(lambda: converse(f"socks5://127.0.0.1:{port}"))
