"""The words that no column is called, unquoted, are those of the server at hand."""

from __future__ import annotations

from datasync_spider.sources.sqlwords import RESERVED
from tests.support.database import rows


def test_what_the_server_reserves_is_reserved(database_url: str) -> None:
    found = rows(database_url, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    assert {word for (word,) in found} <= RESERVED


def test_an_automatic_column_can_be_selected_unquoted_under_any_name(database_url: str) -> None:
    found = rows(database_url, "SELECT word FROM pg_get_keywords()")
    words = sorted({word for (word,) in found} - RESERVED)
    named = ", ".join(f'1 AS "{word}"' for word in words)
    assert rows(database_url, f"SELECT {', '.join(words)} FROM (SELECT {named}) AS t") == [(1,) * len(words)]
