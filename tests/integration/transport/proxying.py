"""A proxy of a few lines."""

from __future__ import annotations

import asyncio
import base64
import contextlib

from tests.support.rawserver import response

CREDENTIALS = b"Basic " + base64.b64encode(b"user:secret")


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
            with contextlib.suppress(ConnectionError):
                await there_writer.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
    finally:
        sink.close()
