"""The client at an address where something else answers: what cannot mend is distinguished from what may."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from datasync_spider.transport.errors import HttpError, NotHttp, NotTls, NotTrusted, OtherProtocol
from datasync_spider.transport.reactor import run
from tests.integration.transport.conversations import Server, a_client, serving
from tests.support.rawserver import raw_server, response
from tests.support.tls import TlsServer

OK = response(200, b"whole")


def trouble(url: str) -> HttpError:
    async def converse() -> None:
        async with a_client() as client:
            await client.ask(url)

    with pytest.raises(HttpError) as caught:
        run(converse)
    return caught.value


@pytest.mark.parametrize("kind", ["no one vouches", "expired", "another host's"])
def test_a_certificate_that_is_refused_is_distinguished_from_other_trouble_with_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server = TlsServer(
        tmp_path,
        address="127.0.0.2" if kind == "another host's" else "127.0.0.1",
        ends_after=dt.timedelta(hours=-1 if kind == "expired" else 1),
    )
    if kind != "no one vouches":
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    try:
        error = trouble(server.base_url)
    finally:
        server.close()
    assert type(error) is NotTrusted
    assert "certificate verify failed" in str(error)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 smtp.example ESMTP\r\n", b"SSH-2.0-x\r\n"]
)
def test_a_port_that_speaks_no_tls_is_reported_as_such(answer: bytes) -> None:
    async def converse() -> HttpError:
        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            await writer.drain()

        async with serving(conversation) as url, a_client() as client:
            with pytest.raises(HttpError) as caught:
                await client.ask(url.replace("http:", "https:"))
        return caught.value

    assert type(run(converse)) is NotTls


def test_a_handshake_that_is_cut_off_may_go_better_another_time() -> None:
    async def converse() -> HttpError:
        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.transport.abort()

        async with serving(conversation) as url, a_client() as client:
            with pytest.raises(HttpError) as caught:
                await client.ask(url.replace("http:", "https:"))
        return caught.value

    assert not isinstance(run(converse), NotTls | NotTrusted)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"220 smtp.example ESMTP\r\n250 more\r\n", "'220 smtp.example ESMTP'"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "'SSH-2.0-OpenSSH_9.2'"),
        (b"\x15\x03\x01\x00\x02\x02\x16", r"'\x15\x03\x01\x00\x02\x02\x16'"),
        (b"-ERR unknown command\r\n", "'-ERR unknown command'"),
        (b"\x1b[31mred\r\n", r"'\x1b[31mred'"),
        (b'{"data": []}', "'{\"data\": []}'"),
        (b"x" * 1000, f"'{'x' * 60}'"),
    ],
)
def test_an_answer_that_is_no_http_at_all_is_shown_by_its_first_line(answer: bytes, shown: str) -> None:
    with raw_server(answer) as server:
        error = trouble(f"{server.origin}/x")
    assert type(error) is OtherProtocol
    assert str(error) == f"what came is not HTTP: it begins with {shown}"


@pytest.mark.parametrize("answer", [b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_an_answer_that_begins_as_http_does_is_bad_http(answer: bytes) -> None:
    with raw_server(answer) as server:
        assert type(trouble(f"{server.origin}/x")) is NotHttp


def test_an_exchange_afresh_takes_a_connection_of_its_own() -> None:
    async def converse() -> None:
        server = Server(OK)
        async with serving(server) as url, a_client() as client:
            assert await client.ask(url) == b"whole"
            assert await client.ask(url, afresh=True) == b"whole"
            assert await client.ask(url) == b"whole"
        assert (server.connections, len(server.requests)) == (2, 3)

    run(converse)
