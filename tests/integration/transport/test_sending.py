"""Sending a body, piece by piece: whether a byte of it can have left, and what is heard while it is being sent."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from datasync_spider.transport.errors import (
    BodyTooLarge,
    HttpError,
    NotConnected,
    NotTls,
    NotTrusted,
    ProxyRefused,
)
from datasync_spider.transport.reactor import run
from datasync_spider.transport.upload import Attempt, BodyFile, ProxyChoice, Sender, Sent
from tests.integration.transport.conversations import Server, serving
from tests.integration.transport.proxying import CREDENTIALS, Proxy
from tests.support.rawserver import raw_server, response
from tests.support.tls import make_certificate

OK = response(200, b"taken")
BODY = b"x" * 600_000


async def post(url: str, attempt: Attempt, proxy: ProxyChoice | None = None, body: bytes = BODY) -> Sent:
    sender = Sender(1000, lambda: 0.0, proxy)
    async with asyncio.timeout(20):
        return await sender.post(url, [("X-Api-Key", "key")], BodyFile(io.BytesIO(body), len(body), None), attempt)


def outcome(url: str, proxy: ProxyChoice | None = None) -> tuple[Sent | HttpError, bool]:
    """What came of it, and whether it has begun."""
    attempt = Attempt()
    try:
        return run(lambda: post(url, attempt, proxy)), attempt.has_begun
    except HttpError as error:
        return error, attempt.has_begun


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ssl.SSLContext]:
    def make(*, is_trusted: bool) -> ssl.SSLContext:
        make_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
        return context

    return make


def test_a_body_arrives_whole_over_tls(tls: Callable[..., ssl.SSLContext]) -> None:
    with raw_server(OK, tls=tls(is_trusted=True)) as server:
        sent, has_begun = outcome(f"{server.origin}/x")
    assert isinstance(sent, Sent)
    assert (sent.status, sent.body, has_begun) == (200, b"taken", True)
    assert server.requests[0].endswith(b"\r\n\r\n" + BODY)


def test_nothing_leaves_for_a_server_that_no_one_vouches_for(tls: Callable[..., ssl.SSLContext]) -> None:
    with raw_server(OK, tls=tls(is_trusted=False)) as server:
        error, has_begun = outcome(f"{server.origin}/x")
    assert isinstance(error, NotTrusted)
    assert not has_begun
    assert server.requests == []


def test_nothing_leaves_for_a_port_that_speaks_no_tls() -> None:
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ESMTP\r\n")
        await reader.read()

    async def converse() -> Attempt:
        attempt = Attempt()
        async with serving(smtp) as url:
            with pytest.raises(NotTls):
                await post(url.replace("http:", "https:"), attempt)
        return attempt

    assert not run(converse).has_begun


def test_an_answer_is_heard_that_comes_piece_by_piece_before_the_body_was_read() -> None:
    heard = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in (b"HTTP/1.1 413 X\r\n", b"Content-Length: 9\r\n\r\n", b"too ", b"large"):
            writer.write(piece)
            # In turns with the client, which is in the same loop.
            for _ in range(20):
                await asyncio.sleep(0)
        await heard.wait()

    async def converse() -> Sent:
        async with serving(refuse) as url:
            try:
                return await post(url, Attempt(), body=b"x" * 40_000_000)
            finally:
                heard.set()

    sent = run(converse)
    assert (sent.status, sent.body) == (413, b"too large")


@pytest.mark.parametrize("head", [b"Content-Length: 5000", b"Connection: close"])
def test_an_answer_larger_than_allowed_is_not_taken(head: bytes) -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + b"y" * 500_000
    with raw_server(endless) as server:
        error, _ = outcome(f"{server.origin}/x")
    assert isinstance(error, BodyTooLarge)


def test_a_proxy_is_asked_with_the_whole_url_and_its_password() -> None:
    async def converse() -> list[bytes]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url:
            sent = await post("http://api.invalid/a?b=c", Attempt(), ProxyChoice(proxy_url, CREDENTIALS.decode()))
        assert sent.body == b"by the proxy"
        return proxy.heads

    (head,) = run(converse)
    assert head.startswith(b"POST http://api.invalid/a?b=c HTTP/1.1\r\n")
    assert b"\r\nHost: api.invalid\r\n" in head


def test_a_tunnel_gets_the_proxys_password_and_the_server_does_not(tls: Callable[..., ssl.SSLContext]) -> None:
    async def converse(url: str) -> tuple[Sent, list[bytes]]:
        proxy = Proxy(CREDENTIALS)
        async with serving(proxy) as proxy_url:
            return await post(url, Attempt(), ProxyChoice(proxy_url, CREDENTIALS.decode())), proxy.heads

    with raw_server(OK, tls=tls(is_trusted=True)) as server:
        sent, (head,) = run(lambda: converse(f"{server.origin}/x"))
    assert sent.body == b"taken"
    assert head.startswith(b"CONNECT 127.0.0.1:")
    assert CREDENTIALS in head
    assert b"key" not in head
    assert server.requests[0].endswith(b"\r\n\r\n" + BODY)
    assert b"proxy-authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("answer", [response(407, b"who are you?"), b"SSH-2.0-x\r\n\r\n", b""])
def test_nothing_leaves_through_a_proxy_that_opens_no_tunnel(answer: bytes) -> None:
    async def converse() -> Attempt:
        attempt = Attempt()
        async with serving(Server(answer, closes=True)) as proxy_url:
            with pytest.raises(ProxyRefused):
                await post("https://api.invalid/", attempt, ProxyChoice(proxy_url))
        return attempt

    assert not run(converse).has_begun


def test_nothing_leaves_where_no_proxy_is() -> None:
    with raw_server(OK) as gone:
        origin = gone.origin
    error, has_begun = outcome("https://api.invalid/", ProxyChoice(origin))
    assert isinstance(error, NotConnected)
    assert "to the proxy 127.0.0.1" in str(error)
    assert not has_begun
