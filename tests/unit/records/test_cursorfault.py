"""APIs say in many ways that a cursor is of no use; each is heard, and a refusal of the caller is not taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_spider.errors import ApiRefused, CursorExpired, CursorRefused, DatasyncError, RateLimited, ServerTrouble
from tests.support.sources import check_answer

_EVERY_REFUSAL = [400, 401, 403, 404, 405, 408, 409, 410, 413, 414, 415, 422, 423, 425, 451]


def refused(status: int, body: Any) -> DatasyncError:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(DatasyncError) as caught:
        check_answer(status, {}, text)
    return caught.value


@pytest.mark.parametrize("status", [*_EVERY_REFUSAL, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"error": "Bad Request", "message": "Cursor expired 3 minute(s) ago", "code": "CURSOR_EXPIRED"},
        {"code": "cursor_expired"},
        {"code": "CursorExpired"},
        {"code": "EXPIRED_CURSOR"},
        {"code": "cursor-has-expired"},
        {"error": {"code": "CURSOR_EXPIRED"}},
        {"code": 400, "error": {"code": "ERR_CURSOR_EXPIRED"}},
        {"error": {"type": "expired_page_token"}},
        {"errors": [{"code": "CURSOR_EXPIRED", "detail": "ask the head"}]},
        {"errors": [{"message": "gone", "extensions": {"code": "CURSOR_EXPIRED"}}]},
        {"error_code": "CURSOR_EXPIRED"},
        {"errorCode": "CURSOR_STALE"},
    ],
)
def test_a_code_that_says_expired_decides_whatever_the_status(status: int, body: Any) -> None:
    assert isinstance(refused(status, body), CursorExpired)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"message": "The cursor has EXPIRED"},
        {"error": "cursor_expired"},
        {"detail": "Expired cursor."},
        {"error": {"message": "this cursor expired 4 minutes ago"}},
        {"title": "Gone", "detail": "The page token is no longer valid"},
        {"error": "Forbidden", "code": "FORBIDDEN", "message": "Cursor expired"},
        b"your cursor is expired",
    ],
)
def test_a_sentence_that_says_so_does_as_well(status: int, body: Any) -> None:
    assert isinstance(refused(status, body), CursorExpired)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 500])
@pytest.mark.parametrize(
    "code", ["CURSOR_INVALID", "CURSOR_INVALID_FORMAT", "invalid_cursor", "UnknownCursor", "CURSOR_NOT_FOUND"]
)
def test_a_code_that_says_invalid_is_a_refused_cursor(status: int, code: str) -> None:
    error = refused(status, {"code": code, "message": "Malformed"})
    assert isinstance(error, CursorRefused)
    assert (error.reason, error.status, error.code) == ("api_refused", status, code)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Invalid cursor"},
        {"message": "unknown cursor"},
        {"error": "cursor not found"},
        {"error": "No such cursor"},
        {"detail": [{"loc": ["query", "cursor"], "msg": "cursor is not valid", "type": "value_error"}]},
        {"error_description": "bad page token"},
        b"could not decode the cursor",
    ],
)
def test_a_sentence_that_names_a_cursor_that_is_not_taken_is_one_too(status: int, body: Any) -> None:
    assert isinstance(refused(status, body), CursorRefused)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"message": "Invalid API key"}),
        (401, {"code": "KEY_EXPIRED", "message": "cursor and key expired"}),
        (401, {"code": "TOKEN_EXPIRED", "message": "Access token expired"}),
        (403, {"message": "the key of this cursor is invalid"}),
        (400, {"code": "LIMIT_INVALID", "message": "limit must be at most 5000"}),
        (400, {"message": "bad token"}),
        (404, {"message": "no such route"}),
        (407, {"code": "CURSOR_EXPIRED"}),
        (301, {"code": "CURSOR_EXPIRED"}),
    ],
)
def test_what_is_about_something_else_stays_a_refusal(status: int, body: Any) -> None:
    error = refused(status, body)
    assert isinstance(error, ApiRefused)
    assert not isinstance(error, CursorRefused)


def test_a_rate_limit_stays_one_and_a_server_in_trouble_is_believed_by_its_code_alone() -> None:
    assert isinstance(refused(429, {"code": "CURSOR_EXPIRED"}), RateLimited)
    assert isinstance(refused(503, {"message": "cursor expired"}), ServerTrouble)
