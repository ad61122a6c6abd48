"""Compressed bodies: every form that servers send, and none larger than allowed."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.http1.coding import decoded
from datasync_spider.http1.errors import BodyCut, BodyTooLarge, NotHttp

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


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_what_is_not_what_it_says_it_is_is_refused(name: str) -> None:
    with pytest.raises(NotHttp):
        decoded(b"\xff\xff\xff\xff no such thing", name, 1_000)


def test_a_coding_that_was_not_asked_for_is_named() -> None:
    with pytest.raises(NotHttp, match="'br'"):
        decoded(b"...", "br", 1_000)
