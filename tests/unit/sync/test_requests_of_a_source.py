"""What each request of a source carries, and what of it must not be shown: from the file, the secrets, the slice."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.errors import SourceRefused
from datasync_spider.sources.spec import Pairs
from datasync_spider.sync.plan import SyncPlan, plan_sync
from datasync_spider.transport.apiclient import ApiClient
from tests.support.sourcetexts import changed, plain, read, without_slices

SECRET = "{page_size} 4711"


def plan_of(values: dict[str, Any], **slice_values: str) -> SyncPlan:
    config = Config.from_settings(Settings(), {}, None)
    return plan_sync(config, read(values), "issues", slice_values, {"PLAIN_TOKEN": SECRET})


def headers_of(headers: dict[str, str], of_stream: dict[str, str] | None = None) -> Pairs:
    values = changed(without_slices(), "source.headers", headers)
    return plan_of(changed(values, "streams.issues.headers", of_stream or {})).headers


@pytest.mark.parametrize(
    ("headers", "of_stream", "sent"),
    [
        ({}, {}, {"Accept": "application/json"}),
        ({"accept": "text/x"}, {}, {"accept": "text/x"}),
        ({"Accept": "text/x", "X-A": "1"}, {"ACCEPT": "text/y", "x-a": "2"}, {"ACCEPT": "text/y", "x-a": "2"}),
        ({}, {"X-Size": "{page_size}"}, {"Accept": "application/json", "X-Size": "50"}),
        # What is filled in is read no further.
        ({"X-Own": "secret:PLAIN_TOKEN"}, {}, {"Accept": "application/json", "X-Own": SECRET}),
    ],
)
def test_each_header_is_sent_once_as_the_nearest_place_says(
    headers: dict[str, str], of_stream: dict[str, str], sent: dict[str, str]
) -> None:
    assert headers_of(headers, of_stream) == tuple(sent.items())


def test_single_requests_carry_the_same_as_those_of_a_crawl() -> None:
    values = changed(without_slices(), "source.headers", {"accept": "text/x"})
    carried = ApiClient.of(plan_of(values)).request_headers

    assert [value for name, value in carried if name.lower() == "accept"] == ["text/x"]
    assert ("Authorization", f"Bearer {SECRET}") in carried
    assert [value for name, value in carried if name == "User-Agent"] == [plan_of(values).config.user_agent]


@pytest.mark.parametrize("place", ["source.headers", "streams.issues.headers"])
def test_who_asks_is_said_by_the_setting_and_by_no_file(place: str) -> None:
    with pytest.raises(SourceRefused, match=r"headers\.user-AGENT is what the setting USER_AGENT says"):
        read(changed(plain(), place, {"user-AGENT": "Mozilla"}))


@pytest.mark.parametrize(
    ("auth", "hidden"),
    [
        ({"type": "bearer", "token": "secret:PLAIN_TOKEN"}, {SECRET, f"Bearer {SECRET}"}),
        ({"type": "query", "query": {"key": "secret:PLAIN_TOKEN"}}, {SECRET}),
        (
            {"type": "basic", "user": "me", "password": "secret:PLAIN_TOKEN"},
            {SECRET, "bWU6e3BhZ2Vfc2l6ZX0gNDcxMQ==", "Basic bWU6e3BhZ2Vfc2l6ZX0gNDcxMQ=="},
        ),
    ],
)
def test_a_secret_is_known_as_it_is_and_as_it_travels(auth: dict[str, Any], hidden: set[str]) -> None:
    assert set(plan_of(changed(without_slices(), "source.auth", auth)).secrets) == hidden
