"""The API of many tenants serves the mock's events, and what it says of its requests is what was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.tenantserver import Api, pages
from mock_api.events import BLOCK_EVENTS, EventFactory


def body(answer: bytes) -> dict[str, Any]:
    head, _, text = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(text)}".encode() in head
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(("total", "size"), [(120, 100), (2_000, 500), (2_500, 1_000)])
def test_the_oldest_events_are_served_once_each_newest_first(total: int, size: int) -> None:
    factory = EventFactory(1)
    blocks = range(-(-total // BLOCK_EVENTS) - 1, -1, -1)
    truth = [event for number in blocks for event in json.loads(b"[%b]" % factory.block(number).data)][-total:]
    answers = [body(answer) for answer in pages(factory, total, size)]
    assert [event for answer in answers for event in answer["data"]] == truth
    assert [answer["next"] for answer in answers] == [*map(str, range(1, len(answers))), None]


def test_requests_are_counted_by_tenant_until_they_are_forgotten() -> None:
    api = Api({b"small": [b"first", b"second"]})
    assert api.answer(b"/small/a?limit=100") == (b"first", 0.0)
    assert body(api.answer(b"/__wait?ms=50")[0])["requests"] == 1
    assert api.answer(b"/small/a?limit=100&cursor=1") == (b"second", 0.05)
    assert api.answer(b"/small/b?limit=100") == (b"first", 0.05)
    asked = body(api.answer(b"/__asked")[0])
    assert (asked["requests"], asked["tenants"], asked["most"]) == (3, 2, 2)
    assert 0 < asked["first"] <= asked["last"]
    api.answer(b"/__forget")
    assert body(api.answer(b"/__asked")[0])["requests"] == 0
