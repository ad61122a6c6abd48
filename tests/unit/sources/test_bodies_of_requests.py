"""The bytes of a request's body: what a stream says, what its position adds, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.sources.auth import Authorization
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.requests import PageRequest, page_request
from datasync_spider.sources.spec import End, FormBody, JsonBody, Next, Stream

STREAM = Stream(
    name="records",
    url="/search",
    method="POST",
    records=(parse_path("data"),),
    id=(parse_path("id"),),
    order="none",
    next=Next(source="link", to="url", name="next"),
    end=End(no_next=True),
)


def asked(body: Any, ask: Ask | None = None, /, **slots: str) -> PageRequest:
    stream = replace(STREAM, body=body)
    texts = {name.replace("__", "."): text for name, text in slots.items()}
    numbers = frozenset({"slice.account"})
    return page_request(stream, "https://api.example.com/v1", ask or Ask(), texts, Authorization(), numbers=numbers)


def json_of(value: Any, ask: Ask | None = None, /, **slots: str) -> str:
    found = asked(JsonBody(value=value), ask, **slots)
    assert found.headers[0] == ("Content-Type", "application/json")
    assert (found.method, found.url) == ("POST", "https://api.example.com/v1/search")
    return (found.body or b"").decode()


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({}, "{}"),
        ({"b": 1, "a": [True, False, None, 1.5, "ü“\n"]}, '{"b":1,"a":[true,false,null,1.5,"ü“\\n"]}'),
        ([{"id": 12345678901234567890123}], '[{"id":12345678901234567890123}]'),
        ({"q": "{ issues(first: 5) { nodes {id} } }"}, '{"q":"{ issues(first: 5) { nodes {id} } }"}'),
        ({"q": 'say "{}" and {"a": 1}'}, '{"q":"say \\"{}\\" and {\\"a\\": 1}"}'),
    ],
)
def test_json_is_sent_as_the_file_has_it(value: Any, sent: str) -> None:
    assert json_of(value) == sent


def test_a_slot_alone_becomes_the_number_that_it_is_and_within_a_text_stays_one() -> None:
    value = {
        "size": "{page_size}",
        "text": "{page_size} records",
        "since": "{since}",
        "until": "{until}",
        "account": "{slice.account}",
        "team": "{slice.team}",
    }

    sent = json_of(
        value,
        page_size="50",
        since="1700000000000",
        until="2024-01-01T00:00:00Z",
        slice__account="-7",
        slice__team="12",
    )

    assert sent == (
        '{"size":50,"text":"50 records","since":1700000000000,"until":"2024-01-01T00:00:00Z","account":-7,"team":"12"}'
    )


def test_a_member_without_its_time_is_left_out_at_any_depth() -> None:
    value = {"a": {"gte": "{since}", "x": 1}, "b": ["{until}", "c"], "d": "from {since}"}

    assert json_of(value) == '{"a":{"x":1},"b":["c"]}'
    assert json_of(value, since="5") == '{"a":{"gte":5,"x":1},"b":["c"],"d":"from 5"}'


def test_a_position_goes_to_its_place_with_all_of_its_digits_and_changes_nothing_else() -> None:
    body = JsonBody(value={"size": 3, "pit": {"id": "p", "keep_alive": "1m"}, "queries": [{"q": 1}]})
    ask = Ask(
        body=(
            (parse_path("search_after"), [Decimal("1.10"), 12345678901234567890, None, "ü"]),
            (parse_path("pit.id"), "changed"),
            (parse_path("queries[-1].after"), Decimal("1E+400")),
            (parse_path("a.b"), True),
        )
    )

    first, second = asked(body, ask), asked(body, ask)

    assert first == second
    assert (first.body or b"").decode() == (
        '{"size":3,"pit":{"id":"changed","keep_alive":"1m"},"queries":[{"q":1,"after":1E+400}],'
        '"search_after":[1.10,12345678901234567890,null,"ü"],"a":{"b":true}}'
    )
    # The stream's own is as it was.
    assert body == JsonBody(value={"size": 3, "pit": {"id": "p", "keep_alive": "1m"}, "queries": [{"q": 1}]})


def test_only_what_is_kept_stays_beside_a_position() -> None:
    ask = Ask(body=((parse_path("after"), "x"),), keep_members=("size",))

    assert json_of({"size": 3, "sort": "a", "after": "first"}, ask) == '{"size":3,"after":"x"}'
    found = asked(FormBody(fields=(("size", "3"), ("sort", "a"), ("after", "first"))), ask)
    assert found.body == b"size=3&after=x"


def test_a_form_is_escaped_as_forms_are_and_repeats_stay() -> None:
    form = FormBody(
        fields=(("tag", "a b"), ("tag", "ü&=+"), ("size", "{page_size}"), ("from", "{since}"), ("q", "{x}"))
    )
    ask = Ask(body=((parse_path('"page[after]"'), "a+b"), (parse_path("n"), Decimal("1.10"))))

    found = asked(form, ask, page_size="50")

    assert found.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert found.body == b"tag=a+b&tag=%C3%BC%26%3D%2B&size=50&q=%7Bx%7D&page%5Bafter%5D=a%2Bb&n=1.10"


def test_a_position_in_a_body_makes_one_where_the_stream_has_none() -> None:
    assert asked(None, Ask(body=((parse_path("after"), 5),))).body == b'{"after":5}'
    assert asked(None) == PageRequest("POST", "https://api.example.com/v1/search")


def test_a_url_is_asked_for_by_get_as_it_is_whatever_the_first_page_was_asked_by() -> None:
    found = asked(JsonBody(value={"a": 1}), Ask(url="/v1/search?cursor=a+b%2f"))

    assert found == PageRequest("GET", "https://api.example.com/v1/search?cursor=a+b%2f")


def test_what_the_body_is_called_is_said_once() -> None:
    stream = replace(STREAM, body=JsonBody(value={}), headers={"content-type": "application/vnd.api+json"})

    made = page_request(stream, "https://a.example", Ask(), {}, Authorization(), has_content_type=True)

    assert made.headers == ()
