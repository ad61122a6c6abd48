"""A 200 that says that it is an error is no page, wherever and however it says so; nothing else is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.errors import CursorExpired, DatasyncError, RateLimited, ServerTrouble
from datasync_spider.records.page import Page
from datasync_spider.records.pagefacts import ErrorInPage, sign_of_error
from tests.support.sources import READ_WAYS, check_answer, read_page, read_page_in_python
from tests.unit.records.agreement import outcome
from tests.unit.records.pagetexts import compact

READERS = READ_WAYS

ERRORS: list[dict[str, Any]] = [
    {"error": {"code": "UPSTREAM_TIMEOUT"}},
    {"error": {"message": ""}, "success": False},
    {"error": {"code": 504, "message": "upstream"}},
    {"error": "upstream timed out"},
    {"error": True},
    {"error": 1},
    {"error": ["upstream timed out"]},
    {"error": [{}]},
    {"errors": [{"message": "boom", "extensions": {"code": "INTERNAL"}}]},
    {"errors": ["boom"]},
    {"errors": {"cursor": ["is odd"]}},
    {"errors": "boom"},
    {"errors": 2},
    {"fault": {"faultstring": "boom"}},
    {"exception": "java.lang.NullPointerException"},
    *({"success": no} for no in (False, "false", "False", 0, "0")),
    {"ok": False},
    *({"status": word} for word in ("error", "ERROR", "fail", "Failed", "failure", "internal_error", "InternalError")),
    *({"status": number} for number in (400, 500, 503.0, "503", "503 Service Unavailable", 1001)),
    {"status": False},
    {"statusCode": 502},
    {"status_code": "500"},
    {"status": {"error_code": 1008, "error_message": "too busy"}},
    *({name: "E17"} for name in ("error_code", "errorCode", "errorMessage", "error_message")),
    {"error_code": 17},
    {"error_code": -1},
    *({name: True} for name in ("isError", "is_error", "hasError", "has_error", "hasErrors", "has_errors")),
    {"code": 500},
    {"code": "503"},
]
# An error only where there is no event.
CODES: list[dict[str, Any]] = [
    {"code": "UPSTREAM_TIMEOUT", "message": "try later"},
    {"code": "UPSTREAM_TIMEOUT"},
    {"code": 1001, "message": "busy"},
    {"code": 1001.0, "msg": "busy"},
    {"code": "INTERNAL", "title": "boom", "detail": "it is not ok"},
]
NOTHING: tuple[object, ...] = (None, False, "", {}, [], 0, 0.0, "0", "null", "none", " ", "No error")
FINE: list[dict[str, Any]] = [
    *({"error": nothing} for nothing in NOTHING),
    {"error": {"code": None, "message": ""}},
    {"error": {"code": 0, "message": "OK"}},
    *({"errors": nothing} for nothing in ([], None, {}, 0, [None], {"count": 0, "items": []})),
    *({"success": yes} for yes in (True, "true", 1, None, "partial")),
    *({"ok": yes} for yes in (True, "yes", 1)),
    *({"status": fine} for fine in ("ok", "OK", "success", "active", "no_errors", "failover", 200, "200 OK", 0, 302)),
    *({"status": fine} for fine in (True, None, {}, {"error_code": 0, "error_message": None}, {"code": 200})),
    *({"code": fine} for fine in (None, 0, "0", "OK", "ok", "Success", 200, "200", 1, 20000, "", True)),
    {"code": 20000, "message": "success"},
    {"code": 1, "message": "OK."},
    {"error_code": 0},
    {"error_code": "0", "error_message": ""},
    {"errorCode": 200, "errorMessage": "OK"},
    {"isError": False},
    {"has_errors": 0},
    {"message": "the feed moves on Monday"},
    {"detail": "x", "title": "Events"},
    {"warnings": ["cursor deprecated"], "deprecation": "error"},
    {"error_count": 3, "errorRate": 0.5},
]
EVENTS = [{"id": "a"}, {"id": "b"}]


def shapes(members: dict[str, Any], events: object, has_more: bool) -> list[dict[str, Any]]:
    """The same page flat, in snake case and nested, with the members in each place."""
    cursor = "c" if has_more else None
    camel, snake = {"hasMore": has_more, "nextCursor": cursor}, {"has_more": has_more, "next_cursor": cursor}
    return [
        {"data": events, **camel, **members},
        {**members, "events": events, **snake},
        {"data": events, "pagination": camel, "meta": {"total": 30}, **members},
        {"data": events, "pagination": camel, "meta": {"total": 30, **members}},
        {"data": events, "pagination": {**members, **snake}},
    ]


def refused(body: object, **headers: str) -> DatasyncError:
    with pytest.raises(DatasyncError) as caught:
        check_answer(200, headers, body if isinstance(body, bytes) else compact(body))
    return caught.value


@pytest.mark.parametrize("events", [[], EVENTS], ids=["empty", "partial"])
@pytest.mark.parametrize("members", ERRORS, ids=str)
def test_an_error_is_no_page_wherever_it_stands(members: dict[str, Any], events: object) -> None:
    for body in (*shapes(members, events, True), *shapes(members, events, False)):
        for read in READERS:
            with pytest.raises(ErrorInPage):
                read(compact(body))


@pytest.mark.parametrize("members", [*ERRORS, *CODES], ids=str)
def test_an_error_is_one_where_events_are_null_or_absent_and_nothing_else_is_said(members: dict[str, Any]) -> None:
    for body in (members, {"data": None, **members}, {"events": None, "hasMore": False, "returned": 0, **members}):
        for read in READERS:
            with pytest.raises(ErrorInPage):
                read(compact(body))


@pytest.mark.parametrize("members", CODES, ids=str)
@pytest.mark.parametrize("read", READERS)
def test_a_code_with_a_message_is_an_error_where_there_is_no_event(
    read: Callable[[bytes], Page], members: dict[str, Any]
) -> None:
    for body in shapes(members, [], False):
        with pytest.raises(ErrorInPage):
            read(compact(body))
    for body in shapes(members, EVENTS, False):
        assert len(read(compact(body)).raw_events) == 2


@pytest.mark.parametrize("events", [[], EVENTS], ids=["empty", "full"])
@pytest.mark.parametrize("members", FINE, ids=str)
def test_what_says_that_there_is_no_error_is_none(members: dict[str, Any], events: list[Any]) -> None:
    for body in (*shapes(members, events, True), *shapes(members, events, False)):
        text = compact(body)
        assert len(read_page(text).raw_events) == len(events)
        assert outcome(read_page, text) == outcome(read_page_in_python, text)


@pytest.mark.parametrize("members", [*ERRORS, *CODES], ids=str)
def test_an_event_that_has_such_members_is_an_event(members: dict[str, Any]) -> None:
    for body in shapes({}, [{"id": "a", **members}, members], False):
        for read in READERS:
            assert len(read(compact(body)).raw_events) == 2


@pytest.mark.parametrize("members", [*ERRORS, *CODES], ids=str)
def test_the_readers_agree_on_what_is_wrong(members: dict[str, Any]) -> None:
    for body in shapes(members, [], False):
        text = compact(body)
        assert outcome(read_page, text) == outcome(read_page_in_python, text)


@pytest.mark.parametrize(
    ("members", "detail"),
    [
        ({"error": {"code": "UPSTREAM_TIMEOUT", "message": "try later"}}, "UPSTREAM_TIMEOUT: try later"),
        ({"error": "Internal", "message": "try later", "code": "OOPS"}, "OOPS: try later"),
        ({"errors": [{"message": "boom", "extensions": {"code": "INTERNAL"}}]}, "INTERNAL: boom"),
        ({"errors": ["boom\n\x1b[31m"]}, "boom \ufffd[31m"),
        ({"error_code": 1008, "error_message": "too busy"}, "1008: too busy"),
        ({"type": "about:blank", "title": "Unavailable", "status": 503, "detail": "it rests"}, "it rests"),
        ({"meta": {"success": False}, "code": "OOPS", "message": "later"}, "OOPS: later"),
        ({"meta": {"error": {"code": "OOPS"}}}, "OOPS"),
        ({"success": False}, "success is False"),
        ({"status": "error"}, "status is 'error'"),
        ({"error": True}, "error is True"),
    ],
)
@pytest.mark.parametrize("events", [[], EVENTS], ids=["empty", "partial"])
def test_it_is_asked_again_and_reported_with_the_apis_own_code_and_message(
    members: dict[str, Any], detail: str, events: list[Any]
) -> None:
    error = refused({"data": events, "hasMore": False, **members})
    assert isinstance(error, ServerTrouble)
    assert (error.reason, error.detail) == ("error_in_page", detail)


@pytest.mark.parametrize("code", ["UNAUTHORIZED", "INVALID_API_KEY", "FORBIDDEN", "LIMIT_INVALID", 404, 401, 502])
def test_a_code_that_no_repetition_mends_is_asked_again_all_the_same(code: object) -> None:
    error = refused({"data": [], "hasMore": False, "error": {"code": code}})
    assert isinstance(error, ServerTrouble)
    assert (error.reason, error.detail) == ("error_in_page", str(code))


@pytest.mark.parametrize(
    "members",
    [
        {"error": {"code": "CURSOR_EXPIRED", "message": "Cursor expired 3 minute(s) ago"}},
        {"error": "Bad Request", "message": "Cursor expired 3 minute(s) ago", "code": "CURSOR_EXPIRED"},
        {"error": "CURSOR_EXPIRED"},
        {"success": False, "code": "cursor_expired"},
        {"success": False, "message": "the cursor has expired"},
        {"errors": [{"message": "no", "extensions": {"code": "CURSOR_EXPIRED"}}]},
        {"status": 400, "error_code": "CURSOR_EXPIRED"},
        {"status": 500, "error_code": "CURSOR_EXPIRED"},
        {"status": 410},
        {"code": "CURSOR_EXPIRED", "message": "gone"},
    ],
    ids=str,
)
def test_an_expired_cursor_in_a_200_is_one(members: dict[str, Any]) -> None:
    for body in (*shapes(members, [], False), {"data": None, **members}, members):
        assert isinstance(refused(body), CursorExpired)


@pytest.mark.parametrize(
    "members",
    [
        {"error": "Too Many Requests", "code": "RATE_LIMIT_EXCEEDED", "rateLimit": {"limit": 10, "reset": 28}},
        {"error": {"code": "RATE_LIMITED"}},
        {"error": "rate limit exceeded"},
        {"success": False, "message": "Too many requests, slow down"},
        {"errors": [{"extensions": {"code": "THROTTLED"}}]},
        {"status": 429},
        {"error": {"code": 429, "message": "later"}},
        {"code": "TooManyRequests"},
    ],
    ids=str,
)
def test_a_rate_limit_in_a_200_is_one(members: dict[str, Any]) -> None:
    for body in (*shapes(members, [], False), members):
        assert isinstance(refused(body), RateLimited)


def test_a_code_that_is_no_rate_limits_is_not_overruled_by_words() -> None:
    body = {"data": [], "hasMore": False, "error": {"code": "TIMEOUT", "message": "your rate limit is 10"}}
    assert isinstance(refused(body), ServerTrouble)


def test_an_error_is_reported_before_whatever_else_is_wrong_with_the_page() -> None:
    odd = {"hasMore": "perhaps", "nextCursor": {}, "returned": 7, "total": -1}
    given: tuple[object, ...] = ([], EVENTS, None, {}, "x")
    for events in given:
        error = refused({"data": events, **odd, "error": {"code": "BOOM"}})
        assert isinstance(error, ServerTrouble)
        assert error.detail == "BOOM"


def test_an_error_beside_an_event_that_the_decoder_cannot_take_is_found() -> None:
    text = b'{"data":[{"id":"\\ud800"}],"hasMore":false,"error":{"code":"BOOM"}}'
    for read in READERS:
        with pytest.raises(ErrorInPage, match="error_in_page: BOOM"):
            read(text)


def test_the_report_of_an_error_is_short_and_printable() -> None:
    for value in ("x\n" * 5_000, {"message": "\x1b" * 5_000}, ["é" * 5_000], {"a": {"b": ["x" * 5_000]}}, 10**25):
        error = refused({"data": [], "hasMore": False, "error": value})
        assert str(error).isprintable()
        assert len(str(error)) < 400


def test_a_mere_code_is_no_sign_where_the_answer_has_brought_something() -> None:
    assert sign_of_error({"code": "PONG", "message": "alive"}, has_events=True) is None
    assert sign_of_error({"code": "DOWN", "message": "not alive"}, has_events=False) == "code is 'DOWN'"
