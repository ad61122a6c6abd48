"""Compressed bodies: every form that servers send, and none larger than allowed."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.transport.coding import decoded, ends_by_itself
from datasync_spider.transport.errors import BodyCut, BodyTooLarge, NotHttp

BODY = b'{"data":[]}' * 50


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


FORMS = {
    "gzip": (gzip.compress(BODY), "gzip"),
    "gzip, another name": (gzip.compress(BODY), "X-GZIP"),
    "two members": (gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), "gzip"),
    "padded": (gzip.compress(BODY) + bytes(8), "gzip"),
    "deflate": (zlib.compress(BODY), "deflate"),
    "deflate without its wrapping": (raw_deflate(BODY), "deflate"),
    "one on the other": (gzip.compress(zlib.compress(BODY)), "deflate, gzip"),
    "none": (BODY, "identity"),
    "nothing named": (BODY, ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_body_back(form: str) -> None:
    coded, name = FORMS[form]
    assert decoded(coded, name, len(BODY) + 100) == BODY


@given(st.binary(max_size=300))
def test_any_content_survives(content: bytes) -> None:
    assert decoded(raw_deflate(content), "deflate", 300) == content
    assert decoded(gzip.compress(content), "gzip", 300) == content


@pytest.mark.parametrize("form", ["gzip", "two members", "deflate", "deflate without its wrapping"])
def test_a_coded_body_that_breaks_off_is_cut(form: str) -> None:
    coded, name = FORMS[form]
    with pytest.raises(BodyCut):
        decoded(coded[:-3], name, 10_000)


@pytest.mark.parametrize("form", ["gzip", "two members", "deflate", "one on the other"])
def test_what_grows_beyond_the_limit_is_refused(form: str) -> None:
    coded, name = FORMS[form]
    with pytest.raises(BodyTooLarge):
        decoded(coded, name, len(BODY) - 1)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    with pytest.raises(BodyTooLarge):
        decoded(gzip.compress(bytes(50_000_000)), "gzip", 1_000)


@pytest.mark.parametrize(("name", "kind"), [("gzip", NotHttp), ("deflate", BodyCut)])
def test_what_is_not_what_it_says_it_is_is_refused(name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        decoded(b"\xff\xff\xff\xff no such thing", name, 1_000)


def test_a_body_that_was_damaged_on_the_way_may_come_whole_another_time() -> None:
    coded = bytearray(gzip.compress(BODY))
    coded[-6] ^= 1
    with pytest.raises(BodyCut, match="data check"):
        decoded(bytes(coded), "gzip", 10_000)


@pytest.mark.parametrize("behind", [b"junk", b"\r\n", b"{}"])
def test_what_stands_behind_a_gzip_stream_and_is_none_is_left_alone(behind: bytes) -> None:
    assert decoded(gzip.compress(BODY) + behind, "gzip", 10_000) == BODY


@pytest.mark.parametrize("length", [1, 2, 12])
def test_a_second_gzip_stream_that_breaks_off_is_cut(length: int) -> None:
    with pytest.raises(BodyCut):
        decoded(gzip.compress(BODY) + gzip.compress(b"more")[:length], "gzip", 10_000)


def test_plain_json_that_is_called_gzip_is_taken() -> None:
    assert decoded(BODY, "gzip", 10_000) == BODY


@pytest.mark.parametrize("name", ["none", "UTF-8", "binary", "none, identity"])
def test_a_word_that_names_no_coding_is_none(name: str) -> None:
    assert decoded(BODY, name, 10_000) == BODY


@pytest.mark.parametrize(
    ("body", "may_be_whole"),
    [
        (b'{"a":[1]}\n', True),
        (b"[]", True),
        (b'{"a":[1]', False),
        (b"[1,{}", False),
        (b"some words", True),
        (b"", True),
    ],
)
def test_what_begins_as_json_ends_by_itself(body: bytes, may_be_whole: bool) -> None:
    assert ends_by_itself(body) is may_be_whole


def test_a_coding_that_was_not_asked_for_is_named() -> None:
    with pytest.raises(NotHttp, match="'br'"):
        decoded(b"...", "br", 1_000)
