"""Datasette: five ways of paging as five streams of one file; its ties, its unknown tokens, and its next URLs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.servers.datasette import add, execute, identity, seed, serving, truth
from tests.support.servers.nginx import Nginx
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midwalk, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 10_000
TIED = 2_500

# Rows change and go, and the server can be asked for neither: each sync is a full one, which takes what is of a later
# version and marks as deleted what it has not met.
_SAME = """
url = "/db/events.json"
id = "id"
time = "occurred_at"
mutable = true
version = "version"
deletions = "full-sync"
"""
_STREAMS = {
    "token": """
query = { _shape = "objects", _sort = "occurred_at", _size = "{page_size}" }
page_size = { default = 1000, max = 1000 }
records = "rows"
total = "filtered_table_rows_count"
order = "oldest-first"
next = { from = "body:next", to = "query:_next" }
end = ["no-next"]
""",
    "map": """
query = { _shape = "object", _sort = "id", _size = "{page_size}" }
page_size = { default = 1000, max = 1000 }
records = { path = "@", shape = "map", key = "place" }
order = "none"
next = { from = "last:place", to = "query:id__gt" }
end = ["short"]
""",
    "arrays": """
query = { _size = "{page_size}" }
page_size = { default = 1000, max = 1000 }
records = { path = "rows", shape = "columns:columns" }
total = "filtered_table_rows_count"
order = "none"
next = { from = "body:next_url", to = "url" }
end = ["no-next"]
""",
    "link": """
query = { _shape = "array", _size = "{page_size}" }
page_size = { default = 1000, max = 1000 }
records = "@"
order = "none"
next = { from = "link:next", to = "url" }
end = ["no-next"]
""",
    "lines": """
query = { _shape = "array", _nl = "on", _size = "{page_size}" }
page_size = { default = 1000, max = 1000 }
format = "ndjson"
order = "none"
next = { from = "link:next", to = "url" }
end = ["no-next"]
""",
}


def source(url: str, *streams: str, more: str = "") -> str:
    """A file with these streams, all of them where none is named; ``more`` goes into ``[source]``."""
    parts = (f"[streams.{name}]{_SAME}{_STREAMS[name]}" for name in streams or _STREAMS)
    return f'[source]\nname = "datasette"\nbase_url = "{url}"\n{more}\n' + "\n".join(parts)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasette")


@pytest.fixture(scope="module")
def database(place: Path) -> Path:
    path = place / "db.db"
    seed(path, TOTAL)
    seed(path, TIED, "ties")
    return path


@pytest.fixture(scope="module")
def server(place: Path, database: Path) -> Iterator[RealServer]:
    with serving(place, database) as server:
        yield server


def assert_exact(database_url: str, database: Path, *streams: str) -> None:
    """Each stream's table holds what the server's own database does, and nothing else that is not marked."""
    expected = truth(database)
    for name in streams or _STREAMS:
        keyed = {key: {**row, "place": key} for key, row in expected.items()} if name == "map" else expected
        assert stored(database_url, f"datasette__{name}") == keyed, name


def test_five_ways_of_paging_are_exact_at_first_and_after_rows_came_changed_and_went(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    file = source(server.url)
    first = sync(start_crawl, tmp_path, file, "datasette")
    assert first.code == 0, first.log
    assert_exact(database_url, database)

    with closing(sqlite3.connect(database)) as connection:
        add(connection, range(TOTAL, TOTAL + 300))
    changed, gone = [identity(n) for n in (0, 999, 1000, 5000)], [identity(n) for n in (1, 500, 9999)]
    execute(
        database,
        f"UPDATE events SET version = 2, minute = 'changed' WHERE id IN {tuple(changed)}",
        f"DELETE FROM events WHERE id IN {tuple(gone)}",
    )
    second = sync(start_crawl, tmp_path, file, "datasette")
    assert second.code == 0, second.log
    assert_exact(database_url, database)
    for name in _STREAMS:
        marked = rows(database_url, f"SELECT event_id FROM datasette__{name} WHERE deleted_at IS NOT NULL")
        assert {key for (key,) in marked} == set(gone), name


def test_killed_behind_a_proxy_whose_429_says_nothing_it_is_exact_and_asks_politely(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    base = 0.4
    with Nginx(server.url, "5r/s") as nginx:
        end = kill_in_midwalk(
            start_crawl,
            tmp_path,
            source(nginx.url, "arrays"),
            "datasette.arrays",
            database_url=database_url,
            table="datasette__arrays",
            API_RETRY_BASE_MS=str(int(base * 1000)),
        )
        assert end.code == 0, end.log
        answers = nginx.answers()
    assert_exact(database_url, database, "arrays")
    print([(round(a.time - answers[0].time, 3), a.status, a.uri) for a in answers])
