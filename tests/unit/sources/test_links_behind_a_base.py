"""Relative URLs that go behind what the body says, path included, and not in place of the page's own path."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import PageUnreadable
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Next
from tests.support.sourcetexts import changed, mistakes, plain
from tests.unit.sources.pagingapis import answer

PAGE = "https://acme.example/wiki/rest/api/content?limit=25"
NEXT = Next(source="body", to="url", paths=(parse_path("next"),), base=parse_path("base"))
BASE = "https://acme.example/wiki"


def position(reference: str, base: Any = BASE) -> str | None:
    return paginator(NEXT).following(None, answer(PAGE, {"next": reference, "base": base}))


@pytest.mark.parametrize(
    ("reference", "base"),
    [
        ("/rest/api/content?start=25", BASE),
        ("/rest/api/content?start=25", f"{BASE}/"),
        ("rest/api/content?start=25", BASE),
        ("/rest/api/content?start=25", "/wiki"),
        ("?start=25", f"{BASE}/rest/api/content"),
        ("https://acme.example/wiki/rest/api/content?start=25", BASE),
        ("https://acme.example/wiki/rest/api/content?start=25", None),
    ],
)
def test_a_relative_url_goes_behind_its_base_and_an_absolute_one_stands_for_itself(reference: str, base: Any) -> None:
    assert position(reference, base) == "/wiki/rest/api/content?start=25"


@pytest.mark.parametrize("base", [None, "", 7, "https://user:password@acme.example/wiki"])
def test_what_leads_nowhere_certain_is_refused_without_being_shown(base: Any) -> None:
    with pytest.raises(PageUnreadable) as caught:
        position("/rest/api/content", base)
    assert "password" not in str(caught.value)


def test_a_base_at_another_origin_makes_a_url_of_that_origin() -> None:
    assert position("/a", "https://other.example/b") == "https://other.example/b/a"


@pytest.mark.parametrize(
    "next_",
    [
        {"from": "link:next", "to": "url", "base": "body:b"},
        {"from": "body:a", "to": "query:c", "base": "body:b"},
        {"from": ["body:a", "body:d"], "to": ["query:c", "query:e"], "base": "body:b"},
        {"from": "object:a", "base": "body:b"},
        {"from": "body:a", "to": "url", "base": "header:b"},
    ],
)
def test_a_base_goes_with_a_url_of_the_body_or_a_header_only(next_: dict[str, Any]) -> None:
    (found,) = mistakes(changed(plain(), "streams.issues.next", next_))
    assert "next.base" in found
    assert "allowed: " in found


@pytest.mark.parametrize(
    ("key", "value", "records"),
    [
        ("next", {"from": "body:data[0].id", "to": "query:before"}, "data"),
        ("next", {"from": "body:[-1].id", "to": "query:before"}, "@"),
        ("next", {"from": ["body:data[0].x", "body:next"], "to": "query:before"}, "data"),
        ("end", ["flag:data[0].last=true"], "data"),
    ],
)
def test_a_place_within_the_records_is_refused_since_a_page_is_looked_at_without_them(
    key: str, value: Any, records: str
) -> None:
    values = changed(changed(plain(), f"streams.issues.{key}", value), "streams.issues.records", records)
    assert any("within the records" in found for found in mistakes(values))
