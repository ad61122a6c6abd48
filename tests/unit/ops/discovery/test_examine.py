"""What one answer reports of the API, in every shape that is known of it, and in some that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_spider.ops.discovery.examine import Discovery, examine
from tests.support.sources import PAGES

NOW = 1_700_000_000.0
EVENT = {"id": "a-1", "timestamp": "2026-01-27T19:20:12.369Z", "type": "click"}


def look(body: object, *, status: int = 200, asked: int = 5, **headers: str) -> Discovery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return examine(PAGES, "http://127.0.0.1/events", status, named, raw, NOW, asked)


def nested(*events: object, **meta: Any) -> dict[str, Any]:
    return {
        "data": list(events),
        "pagination": {"limit": 5, "hasMore": True, "nextCursor": "c1", "cursorExpiresIn": 116},
        "meta": {"total": 3_000_000, "returned": len(events), "requestId": "r1", **meta},
    }


def test_the_nested_shape_is_recognised_with_every_paging_field_where_it_is() -> None:
    found = look(nested(EVENT))
    assert found.envelope is not None
    assert (found.envelope.array, found.envelope.layout, found.envelope.spelling) == ("data", "nested", "camelCase")
    assert found.envelope.fields == {
        "limit": "pagination.limit",
        "more": "pagination.hasMore",
        "cursor": "pagination.nextCursor",
        "cursor life": "pagination.cursorExpiresIn",
        "total": "meta.total",
        "returned": "meta.returned",
        "request id": "meta.requestId",
    }
    assert found.page is not None
    assert found.page.total == 3_000_000


@pytest.mark.parametrize(
    ("body", "array", "spelling", "cursor"),
    [
        ({"data": [EVENT], "hasMore": True, "nextCursor": "c"}, "data", "camelCase", "nextCursor"),
        ({"data": [EVENT], "has_more": True, "next_cursor": "c"}, "data", "snake_case", "next_cursor"),
        ({"events": [EVENT], "hasMore": True, "next_cursor": "c"}, "events", "mixed", "next_cursor"),
    ],
)
def test_the_flat_shapes_are_recognised_in_either_spelling(
    body: object, array: str, spelling: str, cursor: str
) -> None:
    found = look(body)
    assert found.envelope is not None
    assert (found.envelope.array, found.envelope.layout, found.envelope.spelling) == (array, "flat", spelling)
    assert found.envelope.fields["cursor"] == cursor


def test_a_shape_without_a_total_and_limits_says_what_that_costs() -> None:
    found = look({"data": [EVENT], "hasMore": True, "nextCursor": "c"})
    assert any("no total is reported" in text for text in found.misfits)
    assert any("no rate limit is reported" in text for text in found.misfits)


@pytest.mark.parametrize("name", ["id", "eventId", "event_id"])
@pytest.mark.parametrize("value", ["a-1", 17])
def test_the_field_that_becomes_the_id_is_the_one_that_the_parser_took(name: str, value: object) -> None:
    found = look(nested({name: value, "userId": "u", "timestamp": 1_769_541_612_369}))
    assert found.fields is not None
    assert [use.name for use in found.fields.ids] == [name]
    assert found.samples[0].event_id == str(value)


@pytest.mark.parametrize("name", ["timestamp", "occurredAt", "occurred_at"])
@pytest.mark.parametrize("value", ["2026-01-27T19:20:12.369Z", 1_769_541_612_369, "1769541612369"])
def test_the_field_that_becomes_the_time_is_the_one_that_the_parser_took(name: str, value: object) -> None:
    found = look(nested({"id": "a", "createdAt": "2001-01-01T00:00:00Z", name: value}))
    assert found.fields is not None
    assert [use.name for use in found.fields.times] == [name]
    assert found.samples[0].occurred_at_us == 1_769_541_612_369_000


def test_every_form_of_a_time_is_reported_with_an_example() -> None:
    events = [
        {"id": "a", "timestamp": "2026-01-27T19:20:12.369Z"},
        {"id": "b", "timestamp": 1_769_541_612_369},
        {"id": "c", "timestamp": "1769541612369"},
        {"id": "d", "timestamp": "2026-01-27T19:20:12+02:00"},
    ]
    found = look(nested(*events))
    assert found.fields is not None
    (use,) = found.fields.times
    assert use.events == 4
    assert set(use.forms) == {"text ending in Z", "number", "number as text", "text"}


def test_events_without_a_time_are_counted() -> None:
    found = look(nested(EVENT, {"id": "b"}, {"id": "c", "timestamp": "soon"}))
    assert found.fields is not None
    assert found.fields.without_time == 2
    assert any("2 events have no time" in text for text in found.misfits)


def test_events_that_cannot_be_stored_are_shown_with_their_reason_and_bytes() -> None:
    found = look(nested(EVENT, {"type": "click"}, None, {"id": ""}))
    assert found.rejected_count == 3
    assert [event.position for event in found.rejected] == [1, 2, 3]
    assert len({event.reason for event in found.rejected}) == 3
    assert found.rejected[0].raw == b'{"type": "click"}'
    assert any("3 of 4 events cannot be stored" in text for text in found.misfits)


def test_the_rate_limit_is_read_in_each_generation_of_headers() -> None:
    legacy = look(nested(EVENT), X_RateLimit_Limit="10", X_RateLimit_Remaining="9", X_RateLimit_Reset="51")
    assert (legacy.rate_limit.limit, legacy.rate_limit.remaining, legacy.rate_limit.reset_after_seconds) == (10, 9, 51)
    assert legacy.rate_limit.window_seconds is None
    newer = look(nested(EVENT), RateLimit='"default";r=9;t=28', RateLimit_Policy='"default";q=10;w=60')
    assert (newer.rate_limit.limit, newer.rate_limit.remaining, newer.rate_limit.window_seconds) == (10, 9, 60)
    assert newer.rate_limit.headers == ("ratelimit", "ratelimit-policy")


def test_a_page_that_falls_short_although_more_follows_shows_the_cap() -> None:
    found = look(nested(EVENT, EVENT), asked=5000)
    assert found.cap is not None
    assert found.cap.reached
    assert any("asked for 5000 events a page and got 2" in text for text in found.misfits)


def test_a_page_that_is_the_last_shows_no_cap() -> None:
    found = look({"data": [EVENT], "hasMore": False, "nextCursor": None})
    assert found.cap is not None
    assert not found.cap.reached


def test_an_empty_feed_is_said_to_be_one() -> None:
    found = look({"data": [], "hasMore": False, "nextCursor": None})
    assert found.page is not None
    assert any("the feed is empty" in text for text in found.misfits)


@pytest.mark.parametrize("written", [b"5", b"5.0", b"0.5e1", b'"5"'])
def test_the_page_size_that_is_given_is_read_however_it_is_written(written: bytes) -> None:
    found = look(b'{"data":[],"hasMore":false,"limit":' + written + b',"took":1e400}')
    assert found.envelope is not None
    assert (found.envelope.limit, found.envelope.others) == (5, ("took",))


@pytest.mark.parametrize("total", ["thirty", -1, 30.5, [30]])
def test_a_total_that_cannot_be_read_does_not_fit_and_is_shown(total: object) -> None:
    found = look({"data": [EVENT], "hasMore": False, "total": total})
    assert found.page is not None
    assert found.misfits == (
        f"the total that is given cannot be read as a count of events: {total!r}",
        "no rate limit is reported: requests leave as fast as answers come, until a 429 says otherwise",
    )


@pytest.mark.parametrize(
    ("members", "array"),
    [
        *(({"data": None}, "data"), ({"events": None}, "events"), ({"data": None, "events": []}, "events")),
        ({"data": [], "events": None}, "data"),
    ],
)
def test_null_for_no_events_is_seen_as_the_empty_page_that_it_is(members: dict[str, Any], array: str) -> None:
    found = look({**members, "hasMore": False, "returned": 0})
    assert found.page is not None
    assert found.envelope is not None
    assert found.envelope.array == array


def test_an_empty_array_beside_the_events_is_not_taken_for_theirs() -> None:
    found = look({"data": [], "events": [EVENT], "hasMore": False})
    assert found.envelope is not None
    assert (found.envelope.array, found.envelope.others) == ("events", ("data",))


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (401, {"error": "Unauthorized"}, "DATASYNC_API_KEY"),
        (403, b"", "DATASYNC_API_KEY"),
        (404, b"<html>", "API_BASE_URL"),
        (302, b"", "refuses the request"),
        (429, {"code": "RATE_LIMIT_EXCEEDED"}, "rate window"),
        (503, b"<html>", "not well"),
        (200, b"", "no page of events"),
        (200, b"<html>", "no page of events"),
        (200, b'{"data":[{"id":', "no page of events"),
        (200, {"data": [EVENT]}, "no page of events"),
        (200, {"data": [], "hasMore": False, "error": {"code": "BOOM"}}, "status 200 and says that it is an error"),
        (200, {"data": [EVENT], "hasMore": True, "nextCursor": "c", "success": False}, "says that it is an error"),
        (200, {"data": [], "hasMore": False, "error": "rate limit exceeded"}, "rate window"),
    ],
)
def test_an_answer_that_is_no_page_comes_with_a_remedy(status: int, body: object, remedy: str) -> None:
    found = look(body, status=status)
    assert found.page is None
    assert found.unreadable
    assert remedy in found.misfits[0]


@pytest.mark.parametrize(
    "event",
    [
        b'{"id":"x","name":"\\ud800","timestamp":1}',
        b'{"id":"x","deep":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"id":"x","name":"\xff"}',
    ],
)
def test_events_that_parsers_choke_on_do_not_keep_the_others_from_being_seen(event: bytes) -> None:
    body = b'{"data":[' + json.dumps(EVENT).encode() + b"," + event + b'],"hasMore":true,"nextCursor":"c"}'
    found = look(body)
    assert found.page is not None
    assert [sample.event_id for sample in found.samples][:1] == ["a-1"]
