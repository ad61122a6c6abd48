"""PostGraphile: a cursor from the body into the body, and positions that it answers with errors, or with nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, fresh_database, rows, value
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.postgraphile import add, seed, serving, truth
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

pytestmark = pytest.mark.all_servers

StartCrawl = Callable[..., Crawl]
TOTAL = 10_000
PAGES = 20
STREAM = "graph.events"
TABLE = "graph__events"
OF_ANOTHER_ORDER = base64.b64encode(b'["occurred_at_desc",["2024-01-01T00:00:01+00:00","ev_c4ca4238a0b9"]]').decode()

# It can be asked for nothing but all, so each sync is a full one, which takes what is of a later version and marks as
# deleted what it has not met.
_FILE = """
[source]
name = "graph"
base_url = "URL"

[streams.events]
method = "POST"
url = "/graphql"
page_size = 500
records = "data.allEvents.nodes"
id = "id"
time = "occurredAt"
mutable = true
version = "version"
deletions = "full-sync"
TOTAL
order = "oldest-first"
next = { from = "body:data.allEvents.pageInfo.endCursor", to = "body:variables.after" }
end = ["flag:data.allEvents.pageInfo.hasNextPage=false"]

[streams.events.body.json]
query = '''
query($first: Int, $after: Cursor, $order: [EventsOrderBy!]) {
  allEvents(first: $first, after: $after, orderBy: $order) {
    nodes { id seq occurredAt kind payload version } pageInfo { hasNextPage endCursor } totalCount
  }
}'''
variables = { first = "{page_size}", order = ["ORDER"] }
"""


def source(url: str, *, is_counted: bool = True, order: str = "OCCURRED_AT_ASC") -> str:
    total = 'total = "data.allEvents.totalCount"' if is_counted else ""
    return _FILE.replace("URL", url).replace("TOTAL", total).replace("ORDER", order)


@pytest.fixture(scope="module")
def events_url(postgres_url: str) -> Iterator[str]:
    """The database before which the server stands."""
    with fresh_database(postgres_url, "template0") as url:
        seed(url, TOTAL)
        yield url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, events_url: str) -> Iterator[RealServer]:
    with serving(tmp_path_factory.mktemp("postgraphile"), events_url) as server:
        yield server


def test_it_is_exact_at_first_and_after_records_came_changed_and_went(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, events_url: str
) -> None:
    file = source(server.url)
    first = sync(start_crawl, tmp_path, file, STREAM)
    assert first.code == 0, first.log[-3000:]
    # The last page has an endCursor as any other: the flag's word is what counts, and nothing is asked behind it.
    assert value(database_url, "SELECT pages FROM ingestion_runs") == PAGES
    assert stored(database_url, TABLE) == truth(events_url)

    add(events_url, range(TOTAL, TOTAL + 300))
    execute_outside(events_url, "UPDATE events SET version = 2, kind = 'changed' WHERE seq IN (0, 499, 500, 9999)")
    execute_outside(events_url, "DELETE FROM events WHERE seq IN (1, 5000, 9998)")
    second = sync(start_crawl, tmp_path, file, STREAM)
    assert second.code == 0, second.log
    assert stored(database_url, TABLE) == truth(events_url)
    assert rows(database_url, f"SELECT count(*) FROM {TABLE} WHERE deleted_at IS NOT NULL") == [(3,)]


def test_killed_behind_a_proxy_whose_429_says_nothing_it_is_exact_and_asks_politely(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, events_url: str
) -> None:
    with Nginx(server.url, "2r/s", burst=6) as nginx:
        end = kill_in_midchain(start_crawl, tmp_path, source(nginx.url), STREAM, database_url=database_url, table=TABLE)
        assert end.code == 0, end.log
        answers = nginx.answers()
    assert stored(database_url, TABLE) == truth(events_url)
    refused = [n for n, answer in enumerate(answers) if answer.status == 429]
    assert 1 <= len(refused) <= PAGES
    assert impatient(answers, end.killed_at) == []
    assert len(answers) - len(refused) < 2 * PAGES


def test_a_position_that_it_refuses_by_errors_in_a_200_is_given_up_for_a_chain_from_the_beginning(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, events_url: str
) -> None:
    """``errors`` beside ``allEvents: null``."""
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        source(server.url),
        STREAM,
        database_url=database_url,
        table=TABLE,
        between=lambda: execute_outside(database_url, "UPDATE ingestion_state SET cursor = 'bm9uc2Vuc2U='"),
    )
    assert end.code == 0, end.log
    assert "the stored position is given up" in end.log
    assert "Invalid cursor" in end.log
    assert stored(database_url, TABLE) == truth(events_url)


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_position_of_another_order_that_it_answers_with_an_empty_last_page_is_no_end(
    is_counted: bool, start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, events_url: str
) -> None:
    """No nodes, ``hasNextPage`` false, in a 200, and all of them in ``totalCount`` beside it."""
    file = source(server.url, is_counted=is_counted)
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        file,
        STREAM,
        database_url=database_url,
        table=TABLE,
        between=lambda: execute_outside(database_url, "UPDATE ingestion_state SET cursor = %s", (OF_ANOTHER_ORDER,)),
    )
    if is_counted:
        assert end.code == 3, end.log
        assert last_end(database_url)[:2] == ("incomplete", "short_read")
        again = sync(start_crawl, tmp_path, file, STREAM)
        assert again.code == 0, again.log
    else:
        assert end.code == 0, end.log
        assert "the stored position is given up" in end.log
    assert stored(database_url, TABLE) == truth(events_url)
