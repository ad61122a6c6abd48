"""Parameters of other tools in DATABASE_URL, which people copy from one tool's settings into another's."""

from __future__ import annotations

import pytest

from datasync_spider.config.database_url import check_database_url

URL = "postgresql://me:hush@here/events"


@pytest.mark.parametrize(
    ("query", "name", "remedy"),
    [
        ("schema=public", "schema", "options=-csearch_path%3DNAME"),
        ("sslmode=require&currentSchema=theirs", "currentSchema", "options=-csearch_path%3DNAME"),
        ("pgbouncer=true", "pgbouncer", "leave it out"),
        ("connection_limit=5&pool_timeout=0", "connection_limit", "leave it out"),
        ("sslaccept=strict", "sslaccept", "sslmode=require"),
    ],
)
def test_it_is_named_with_what_to_write_instead(query: str, name: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=f"its parameter {name} is another tool's") as caught:
        check_database_url(f"{URL}?{query}")
    assert remedy in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["", "?sslmode=require&connect_timeout=5", "?options=-csearch_path%3Dtheirs", "?ssl=true"]
)
def test_libpqs_own_are_left_to_libpq(query: str) -> None:
    assert check_database_url(URL + query) == URL + query
