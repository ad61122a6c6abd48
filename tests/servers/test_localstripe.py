"""localstripe: pages behind the last id, many events in one second, and a list that begins anew at an unknown id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.crawl import Crawl
from tests.support.servers.localstripe import KEY, add_customers, serving, truth
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 1_500
STREAM = "localstripe.events"
TABLE = "localstripe__events"

# Events never change and never go. It can be asked for what is not older than a second, that second included.
_FILE = """
[source]
name = "localstripe"
base_url = "URL"
auth = { type = "basic", user = "secret:STRIPE_KEY", password = "" }

[streams.events]
url = "/v1/events"
query = { limit = "{page_size}" }
page_size = { default = 100, max = 100 }
records = "data"
id = "id"
time = { path = "created", format = "s" }
order = "oldest-first"
next = { from = "last:id", to = "query:starting_after" }
end = ["flag:has_more=false"]
incremental = { type = "since", param = "created[gte]", format = "s" }
"""


def source(url: str) -> str:
    return _FILE.replace("URL", url)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with serving(tmp_path_factory.mktemp("localstripe")) as server:
        add_customers(server.url, range(TOTAL))
        yield server


def test_events_of_one_second_are_exact_through_a_kill_and_refusals_and_so_are_the_next_ones(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer
) -> None:
    with Nginx(server.url, "2r/s", burst=2) as nginx:
        file = source(nginx.url)
        end = kill_in_midchain(
            start_crawl, tmp_path, file, STREAM, database_url=database_url, table=TABLE, STRIPE_KEY=KEY
        )
        assert end.code == 0, end.log
        expected = truth(server.url)
        # Times alone distinguish no two of these.
        assert Counter(event["created"] for event in expected.values()).most_common(1)[0][1] > 1
        assert stored(database_url, TABLE) == expected

        customers = add_customers(server.url, range(TOTAL, TOTAL + 50))
        next_one = sync(start_crawl, tmp_path, file, STREAM, STRIPE_KEY=KEY)
        assert next_one.code == 0, next_one.log
        expected = truth(server.url)
        assert {event["data"]["object"]["id"] for event in expected.values()} >= set(customers)
        assert stored(database_url, TABLE) == expected
        answers = nginx.answers()
        refused = [n for n, answer in enumerate(answers) if answer.status == 429]
        assert 1 <= len(refused) <= TOTAL / 100
        assert impatient(answers, end.killed_at) == []


def test_a_list_that_begins_anew_at_an_unknown_position_is_read_to_its_end(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str
) -> None:
    """A server that was emptied under the chain knows its position no more, and answers with its first page, as 200."""
    with ExitStack() as stack:
        first = stack.enter_context(serving(tmp_path))
        add_customers(first.url, range(600))
        port = urlsplit(first.url).port

        def emptied() -> None:
            first.kill()
            second = stack.enter_context(serving(tmp_path, port))
            add_customers(second.url, range(700))

        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            source(first.url),
            STREAM,
            database_url=database_url,
            table=TABLE,
            between=emptied,
            STRIPE_KEY=KEY,
        )
        assert end.code == 0, end.log
        assert last_end(database_url)[0] == "complete"
        found = stored(database_url, TABLE)
        # All that it has now, and what was stored before, which is gone there and was true.
        assert found.items() >= truth(first.url).items()
        assert 700 < len(found) < 1300
