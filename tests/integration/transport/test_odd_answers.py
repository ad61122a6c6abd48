"""Answers as servers really send them: those that are good for all their oddness, and those that must never pass.

What is refused is so at once and shows what came, so that whoever runs the server can see it.
"""

from __future__ import annotations

import gzip
import zlib

import pytest

from datasync_spider.transport.errors import BodyCut, BodyTooLarge, HttpError, NotHttp, OtherProtocol
from datasync_spider.transport.reactor import run
from tests.integration.transport.conversations import a_client
from tests.support.rawserver import raw_server

BODY = b'{"data":[1,2,3],"hasMore":false}'
SIZE = len(BODY)
ZIPPED = gzip.compress(BODY)
LENGTH = b"Content-Length: %d" % SIZE
CHUNKED = b"Transfer-Encoding: chunked"
_DEFLATER = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE_DEFLATE = _DEFLATER.compress(BODY) + _DEFLATER.flush()


def answer(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", body: bytes = BODY) -> bytes:
    return b"\r\n".join([first, *lines, b"", b""]) + body


def chunked(size: bytes = b"%x" % SIZE, *, end: bytes = b"0\r\n\r\n", coding: bytes = CHUNKED) -> bytes:
    return answer(coding, body=size + b"\r\n" + BODY + b"\r\n" + end)


def coded(coding: bytes, body: bytes) -> bytes:
    return answer(b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body), body=body)


TAKEN = {
    "a header folded onto two lines": answer(b"X-A: one", b"  two", LENGTH),
    "two equal lengths": answer(LENGTH, LENGTH),
    "two equal lengths in one line": answer(b"Content-Length: %d, %d" % (SIZE, SIZE)),
    "a length and chunks": answer(CHUNKED, LENGTH, body=b"%x\r\n" % SIZE + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size with zeros": chunked(b"0000%x" % SIZE),
    "a chunk's size with an extension": chunked(b"%x;a=b" % SIZE),
    "a trailer": chunked(end=b"0\r\nX-T: 1\r\n\r\n"),
    "chunks in capitals": chunked(coding=b"TRANSFER-ENCODING: Chunked"),
    "a stray line": answer(b"a stray line", LENGTH),
    "Content-Encoding: none": answer(b"Content-Encoding: none", LENGTH),
    "Content-Encoding: UTF-8": answer(b"Content-Encoding: UTF-8", LENGTH),
    "plain JSON called gzip": answer(b"Content-Encoding: gzip", LENGTH),
    "bytes behind the gzip stream": coded(b"gzip", ZIPPED + b"\r\n"),
    "deflate without its wrapping": coded(b"deflate", BARE_DEFLATE),
    "bare line feeds": answer(LENGTH).replace(b"\r\n", b"\n"),
    "no reason behind the status": answer(LENGTH, first=b"HTTP/1.1 200"),
    "http in small letters": answer(LENGTH, first=b"http/1.1 200 OK"),
    "bytes beyond ASCII in a header": answer("X-A: zürich".encode("latin-1"), LENGTH),
    "an empty header": answer(b"X-A:", LENGTH),
    "a header of 12 kB": answer(b"X-A: " + b"x" * 12_000, LENGTH),
    "an interim answer": answer(b"Link: </x>", first=b"HTTP/1.1 103 Early Hints", body=b"") + answer(LENGTH),
    "no length, ended by the connection": answer(first=b"HTTP/1.0 200 OK"),
}
REFUSED = {
    "a chunk's size with spaces": (chunked(b"%x  " % SIZE), "'20  '"),
    "Transfer-Encoding: identity": (answer(b"Transfer-Encoding: identity", LENGTH), "'identity'"),
    "a space before the colon": (answer(b"Content-Length : %d" % SIZE), "'content-length '"),
    "two spaces in the first line": (answer(LENGTH, first=b"HTTP/1.1  200 OK"), "'HTTP/1.1  200 OK'"),
    "HTTP/2 over HTTP/1": (answer(LENGTH, first=b"HTTP/2 200 OK"), "'HTTP/2'"),
}
NEVER = {
    "two different lengths": (answer(LENGTH, b"Content-Length: 7"), NotHttp, "32,7"),
    "two different lengths in one line": (answer(b"Content-Length: 32, 7"), NotHttp, "32, 7"),
    "a length below nothing": (answer(b"Content-Length: -1"), NotHttp, "'-1'"),
    "half a gzip": (coded(b"gzip", ZIPPED[:-9]), BodyCut, "breaks off"),
    "half a gzip that the connection ends": (
        answer(b"Content-Encoding: gzip", body=ZIPPED[:-9]),
        BodyCut,
        "breaks off",
    ),
    "a gzip with the wrong sum": (coded(b"gzip", ZIPPED[:-6] + b"xx" + ZIPPED[-4:]), BodyCut, "data check"),
    "a body cut short of its length": (answer(LENGTH, body=BODY[:-4]), BodyCut, "before the end of the body"),
    "a chunk cut short": (answer(CHUNKED, body=b"20\r\n" + BODY[:-3]), BodyCut, "before the end of the body"),
    "chunks without their last": (answer(CHUNKED, body=b"20\r\n" + BODY + b"\r\n"), BodyCut, "before the end"),
    "JSON cut short that the connection ends": (answer(body=BODY[:-1]), BodyCut, "has no end"),
    "a chunk longer than it says": (
        answer(CHUNKED, body=b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
        NotHttp,
        "did not end",
    ),
    "a transfer coding that is not known": (
        chunked(coding=b"Transfer-Encoding: gzip, chunked"),
        NotHttp,
        "'gzip, chunked'",
    ),
    "a coding that was not asked for": (coded(b"br", BODY), NotHttp, "'br'"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", OtherProtocol, "'SSH-2.0-OpenSSH_9.2'"),
    "a sister of HTTP": (answer(LENGTH, first=b"RTSP/1.0 200 OK"), NotHttp, "RTSP/1.0"),
    "a status that is none": (answer(LENGTH, first=b"HTTP/1.1 2000 OK"), NotHttp, "2000"),
    "headers cut short": (b"HTTP/1.1 200 OK\r\nContent-Le", BodyCut, "in the middle of the headers"),
    "more than is allowed, announced": (answer(b"Content-Length: 2000", body=bytes(2000)), BodyTooLarge, "1000"),
    "more than is allowed, decompressed": (coded(b"gzip", gzip.compress(bytes(5000))), BodyTooLarge, "decompressed"),
    "more than is allowed, in chunks": (
        answer(CHUNKED, body=b"7d0\r\n" + b" " * 2000 + b"\r\n0\r\n\r\n"),
        BodyTooLarge,
        "1000",
    ),
}


def what_comes_of(sent: bytes) -> bytes:
    async def converse(url: str) -> bytes:
        async with a_client() as client:
            return await client.ask(url)

    with raw_server(sent) as server:
        return run(lambda: converse(f"{server.origin}/x"))


def refusal(sent: bytes) -> HttpError:
    with pytest.raises(HttpError) as caught:
        what_comes_of(sent)
    return caught.value


def test_most_forms_are_taken() -> None:
    assert len(TAKEN) + len(REFUSED) == 27
    assert len(TAKEN) >= 19


@pytest.mark.parametrize("form", TAKEN)
def test_an_odd_answer_that_can_mean_one_thing_only_is_taken(form: str) -> None:
    assert what_comes_of(TAKEN[form]) == BODY


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_refused_shows_what_came(form: str) -> None:
    sent, shown = REFUSED[form]
    error = refusal(sent)
    assert isinstance(error, NotHttp)
    assert shown in str(error)


@pytest.mark.parametrize("form", NEVER)
def test_what_is_broken_or_can_mean_two_things_never_passes(form: str) -> None:
    sent, kind, shown = NEVER[form]
    error = refusal(sent)
    assert isinstance(error, kind)
    assert shown in str(error)
