"""What bytes make an answer, however they are cut into pieces, and what the end of the connection makes of the rest."""

from __future__ import annotations

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.http1.answer import AnswerReader
from datasync_spider.http1.errors import BodyCut, BodyTooLarge, ConnectionLost, HttpError, NotHttp

BODY = b'{"data":[1,2,3],"pagination":{"hasMore":false}}'
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Request-Id: r1\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:])
CHUNKED += BODY[5:] + b"\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\n\r\n" + BODY
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Encoding: gzip\r\n\r\n" + SIZED
ZIPPED = gzip.compress(BODY)
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED


def read(pieces: list[bytes], max_body_bytes: int = 1000, *, ends: bool = False) -> AnswerReader:
    reader = AnswerReader(max_body_bytes)
    for piece in pieces:
        reader.feed(piece)
    if ends:
        reader.finish()
    return reader


@given(st.sampled_from([SIZED, CHUNKED, UNTIL_CLOSED, INTERIM, GZIP]), st.sets(st.integers(1, 200)))
def test_an_answer_is_the_same_however_it_is_cut(whole: bytes, places: set[int]) -> None:
    cuts = [0, *sorted(place for place in places if place < len(whole)), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(cuts)]
    reader = read(pieces, ends=whole is UNTIL_CLOSED)
    assert (reader.status, reader.is_complete, reader.body()) == (200, True, BODY)


@given(st.sampled_from([SIZED, CHUNKED, GZIP, INTERIM]), st.data())
def test_an_answer_that_breaks_off_is_never_a_shorter_one(whole: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(whole) - 1))
    reader = read([whole[:length]] if length else [])
    assert not reader.is_complete
    with pytest.raises(BodyCut if length else ConnectionLost):
        reader.finish()


@pytest.mark.parametrize(
    ("whole", "may_keep"),
    [
        (SIZED, True),
        (CHUNKED, True),
        (INTERIM, True),
        (SIZED.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (SIZED.replace(b"X-Request-Id: r1", b"Connection: close"), False),
        (SIZED + b"HTTP/1.1 200 OK\r\n", False),
        (SIZED + b"HTTP/1.1 404 Not asked for\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil", False),
        (SIZED + b"\0", False),
    ],
)
def test_whether_the_connection_carries_another_request(whole: bytes, may_keep: bool) -> None:
    reader = read([whole])
    assert reader.is_complete
    assert (reader.status, reader.body()) == (200, BODY)
    assert b"X-Evil" not in dict(reader.headers)
    assert reader.may_keep is may_keep


def test_headers_are_told_once_before_the_body_and_without_those_of_interim_answers() -> None:
    seen: list[tuple[int, list[tuple[bytes, bytes]], int | None]] = []
    reader = AnswerReader(1000, lambda answer: seen.append((answer.status, answer.headers, answer.content_length)))
    head, _, rest = INTERIM.rpartition(b"\r\n\r\n")
    reader.feed(head + b"\r\n\r\n")
    assert seen == [(200, [(b"Content-Length", b"%d" % len(BODY)), (b"X-Request-Id", b"r1")], len(BODY))]
    reader.feed(rest)
    assert len(seen) == 1
    assert reader.body() == BODY


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 300_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-More: y\r\n" * 30_000,
    ],
)
def test_what_could_be_read_in_two_ways_or_has_no_end_is_no_answer(whole: bytes) -> None:
    with pytest.raises(NotHttp):
        read([whole[:1000], whole[1000:]])


@pytest.mark.parametrize(
    "whole",
    [
        SIZED,
        CHUNKED,
        UNTIL_CLOSED,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_a_body_beyond_the_limit_is_refused_as_soon_as_it_shows(whole: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        read([whole], max_body_bytes=len(BODY) - 1)
    if whole is not UNTIL_CLOSED and len(whole) > 100:
        assert read([whole], max_body_bytes=len(BODY)).body() == BODY


def test_bare_line_feeds_are_understood() -> None:
    assert read([SIZED.replace(b"\r\n", b"\n")]).body() == BODY


def test_an_answer_to_connect_ends_with_its_head() -> None:
    reader = AnswerReader(0, is_head_alone=True)
    reader.feed(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert (reader.status, reader.is_complete, reader.may_keep) == (200, True, True)


@given(st.binary(max_size=200))
def test_nothing_but_its_own_errors_comes_out_of_any_bytes(data: bytes) -> None:
    reader = AnswerReader(50)
    try:
        reader.feed(data)
        reader.finish()
        reader.body()
    except HttpError:
        return
    assert reader.is_complete
