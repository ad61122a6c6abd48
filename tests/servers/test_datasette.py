"""Datasette: five ways of paging as five streams of one file; its ties, its unknown tokens, and its next URLs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.servers.datasette import MOST_PER_PAGE, add, execute, identity, seed, serving, truth
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 10_000
PAGES = 10
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
    with Nginx(server.url, "2r/s", burst=2) as nginx:
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            source(nginx.url, "arrays"),
            "datasette.arrays",
            database_url=database_url,
            table="datasette__arrays",
        )
        assert end.code == 0, end.log
        answers = nginx.answers()
    assert_exact(database_url, database, "arrays")
    refused = [n for n, answer in enumerate(answers) if answer.status == 429]
    assert 1 <= len(refused) <= PAGES
    # A wait that no one has named is a second at least, and nothing else is asked meanwhile.
    assert impatient(answers, end.killed_at) == []
    # What had been fetched ahead when it was killed is asked for again, and nothing twice besides.
    assert len(answers) - len(refused) < 2 * PAGES


def test_a_proxy_that_hands_on_no_host_is_refused_and_a_file_may_allow_it_or_stay(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    """The server makes its next URLs of the Host that it is asked by, which is then its own, behind the proxy."""
    with Nginx(server.url, keep_host=False) as nginx:
        lost = sync(start_crawl, tmp_path, source(nginx.url, "arrays"), "datasette.arrays")
        assert lost.code == 1, lost.log
        refused = f"a request to {server.url} was refused: the API is at {nginx.url}"
        assert last_end(database_url) == ("failed", "origin_refused", refused)

        allowed = source(nginx.url, "arrays", more=f'allow_hosts = ["{server.url}"]')
        followed = sync(start_crawl, tmp_path, allowed, "datasette.arrays")
        assert followed.code == 0, followed.log
        assert_exact(database_url, database, "arrays")

        asked = len(nginx.answers())
        stays = sync(start_crawl, tmp_path, source(nginx.url, "token"), "datasette.token")
        assert stays.code == 0, stays.log
        assert len(nginx.answers()) - asked == -(-len(truth(database)) // 1000)
        assert_exact(database_url, database, "token")


_TIED = """
[streams.counted]
url = "/db/ties.json"
query = { _shape = "objects", _sort = "minute", _size = "{page_size}" }
page_size = 200
records = "rows"
total = "filtered_table_rows_count"
id = "id"
time = "occurred_at"
order = "oldest-first"
next = { from = "body:next", to = "query:_next" }
end = ["no-next"]

[streams.uncounted]
url = "/db/ties.json"
query = { _shape = "objects", _sort = "minute", _size = "{page_size}" }
page_size = 200
records = "rows"
id = "id"
time = "occurred_at"
order = "oldest-first"
next = { from = "body:next", to = "query:_next" }
end = ["no-next"]

[streams.unique]
url = "/db/ties.json"
query = { _shape = "objects", _sort = "id", _size = "{page_size}" }
page_size = 200
records = "rows"
total = "filtered_table_rows_count"
id = "id"
order = "none"
next = { from = "body:next", to = "query:_next" }
end = ["no-next"]
"""


def test_rows_that_the_server_skips_among_ties_are_known_where_it_counts_and_only_there(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, database: Path
) -> None:
    """Its first page is ordered by the column alone, the others by column and key: some of a tie are on none."""
    file = f'[source]\nname = "ds"\nbase_url = "{server.url}"\n{_TIED}'
    expected = truth(database, "ties")
    for stream, code, words in (
        ("counted", 3, ("incomplete", "short_read", " are missing")),
        ("uncounted", 0, ("complete", "last_page", "no total to compare with")),
        ("unique", 0, ("complete", "last_page", f"the API counts {TIED:,}")),
    ):
        end = sync(start_crawl, tmp_path, file, f"ds.{stream}")
        assert end.code == code, end.log
        status, reason, detail = last_end(database_url)
        assert (status, reason) == words[:2]
        assert words[2] in detail
        found = stored(database_url, f"ds__{stream}")
        assert found.items() <= expected.items()
        # The server skips the same rows each time; that they are missing shows only beside its own database.
        assert (len(found) < TIED) == (stream != "unique")


def rebuilt(database: Path) -> None:
    """The same records in a table whose keys are numbers: no token that the server has given leads anywhere in it."""
    execute(
        database,
        "CREATE TABLE anew (number INTEGER PRIMARY KEY, id TEXT, occurred_at TEXT, minute TEXT, version INTEGER)",
        "INSERT INTO anew SELECT rowid, id, occurred_at, minute, version FROM events",
        "DROP TABLE events",
        "ALTER TABLE anew RENAME TO events",
    )


@pytest.mark.parametrize("stream", ["arrays", "link"])
def test_a_position_that_the_server_knows_no_more_and_answers_with_an_empty_page_is_no_end(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, stream: str
) -> None:
    path = tmp_path / "db.db"
    seed(path, 3 * MOST_PER_PAGE)
    with serving(tmp_path, path) as server:
        file = source(server.url, stream)
        resumed = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            f"datasette.{stream}",
            database_url=database_url,
            table=f"datasette__{stream}",
            between=lambda: rebuilt(path),
        )
        if stream == "arrays":
            # It counts, and so is known to have given too little; the next sync begins anew.
            assert resumed.code == 3, resumed.log
            assert last_end(database_url)[:2] == ("incomplete", "short_read")
            again = sync(start_crawl, tmp_path, file, "datasette.arrays")
            assert again.code == 0, again.log
        else:
            assert resumed.code == 0, resumed.log
            assert "the stored position is given up" in resumed.log
    found = stored(database_url, f"datasette__{stream}")
    # Of rows with one version the stored one stays, with or without the number that the rebuilt table has.
    assert {key: row["occurred_at"] for key, row in found.items()} == {
        key: row["occurred_at"] for key, row in truth(path).items()
    }
