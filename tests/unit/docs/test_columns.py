"""The page of the columns is what the registry makes of it."""

from __future__ import annotations

from datasync_spider.observe.documents import PAGE, made
from tests.unit.docs.pages import PROJECT


def test_the_page_of_the_columns_is_as_it_is_made() -> None:
    text = (PROJECT / PAGE).read_text(encoding="utf-8")

    assert made(text) == text, "python -m datasync_spider.observe.documents --write"
