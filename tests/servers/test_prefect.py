"""Prefect: a search by POST, then URLs that hold its count, which leaves out what others push off the last page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, rows
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.prefect import PASSWORD, USER, add, event, identity, ids, serving
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

pytestmark = pytest.mark.all_servers

StartCrawl = Callable[..., Crawl]
TOTAL = 2_500
MEANWHILE = 30
PAGE = 50
SECOND_RUN = "SELECT status, reason FROM ingestion_runs WHERE run_id = 2"

STALE = 'meanings = [{ status = 403, path = "detail", value = "Forbidden", means = "cursor-invalid" }]'

# Events never change, and go only by their age. It can be asked for what is not older than a time, that time included.
_FILE = """
[source]
name = "prefect"
base_url = "URL"
auth = { type = "basic", user = "USER", password = "secret:PREFECT_PASSWORD" }

[streams.forward]
method = "POST"
url = "/api/events/filter"
page_size = { default = 50, max = 50 }
records = "events"
id = "id"
time = "occurred"
total = "total"
order = "oldest-first"
next = { from = "body:next_page", to = "url" }
end = ["no-next"]
incremental = { type = "since", start = "2020-01-01" }

[streams.forward.body.json]
limit = "{page_size}"

[streams.forward.body.json.filter]
order = "ASC"
occurred = { since = "{since}", until = "2099-01-01T00:00:00Z" }
event = { name = ["lab.one"] }
"""
_NEWEST_FIRST = """
[streams.NAME]
method = "POST"
url = "/api/events/filter"
page_size = { default = 50, max = 50 }
records = "events"
id = "id"
time = "occurred"
TOTAL
order = "newest-first"
next = { from = "body:next_page", to = "url" }
end = ["no-next"]
incremental = { type = "known" }

[streams.NAME.body.json]
limit = "{page_size}"

[streams.NAME.body.json.filter]
order = "DESC"
occurred = { since = "2020-01-01T00:00:00Z", until = "2099-01-01T00:00:00Z" }
event = { name = ["lab.one"] }
"""


def source(url: str) -> str:
    counted = _NEWEST_FIRST.replace("NAME", "counted").replace("TOTAL", 'total = "total"')
    uncounted = _NEWEST_FIRST.replace("NAME", "uncounted").replace("TOTAL", "")
    return _FILE.replace("URL", url).replace("USER", USER) + counted + uncounted


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[RealServer]:
    with serving(home) as server:
        add(server.url, home, range(TOTAL))
        yield server


def assert_exact(database_url: str, table: str, home: Path) -> None:
    """All that the server's own database holds, with what was sent."""
    found = stored(database_url, table)
    assert set(found) == ids(home)
    sent = {identity(n): event(n) for n in range(len(found))}
    assert {key: {name: one[name] for name in sent[key]} for key, one in found.items()} == sent


def test_it_is_exact_through_a_kill_and_refusals_and_after_more_has_come(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, home: Path
) -> None:
    with Nginx(server.url, "1r/s", burst=30) as nginx:
        file = source(nginx.url)
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            "prefect.forward",
            database_url=database_url,
            table="prefect__forward",
            PREFECT_PASSWORD=PASSWORD,
        )
        assert end.code == 0, end.log
        assert_exact(database_url, "prefect__forward", home)
        answers = nginx.answers()
        refused = [n for n, answer in enumerate(answers) if answer.status == 429]
        assert 1 <= len(refused) <= TOTAL / PAGE
        assert impatient(answers, end.killed_at) == []

        before = len(ids(home))
        add(server.url, home, range(before, before + 150))
        later = sync(start_crawl, tmp_path, file, "prefect.forward", PREFECT_PASSWORD=PASSWORD)
        assert later.code == 0, later.log
        assert_exact(database_url, "prefect__forward", home)
        kinds = rows(database_url, "SELECT pass_kind, pages FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")
        assert kinds == [("incremental", 4)]


def test_a_position_that_it_refuses_as_it_does_a_stranger_fails_the_run_until_the_file_says_what_that_means(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, home: Path
) -> None:
    """Its answer to a token that it does not know is 403; to a wrong password it is 401."""
    stale = "/api/events/filter/next?page-token=bm9uc2Vuc2U="
    file, table = source(server.url), "prefect__forward"
    lost = kill_in_midchain(
        start_crawl,
        tmp_path,
        file,
        "prefect.forward",
        database_url=database_url,
        table=table,
        between=lambda: execute_outside(database_url, "UPDATE ingestion_state SET cursor = %s", (stale,)),
        PREFECT_PASSWORD=PASSWORD,
    )
    assert lost.code == 1, lost.log
    assert last_end(database_url)[0] == "failed"
    file = file.replace("base_url", f"{STALE}\nbase_url", 1)
    again = sync(start_crawl, tmp_path, file, "prefect.forward", PREFECT_PASSWORD=PASSWORD)
    assert again.code == 0, again.log
    assert "the stored position is given up" in again.log
    assert_exact(database_url, table, home)


@pytest.mark.parametrize("stream", ["counted", "uncounted"])
def test_the_oldest_that_a_frozen_count_leaves_out_are_known_to_be_missing_where_it_is_read_and_only_there(
    stream: str, start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, home: Path
) -> None:
    """Newest first, with an end ahead of now: events that come in mid-chain push as many off the last page."""
    begun = len(ids(home))
    before = begun + -begun % PAGE
    add(server.url, home, range(begun, before))
    file, table = source(server.url), f"prefect__{stream}"
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        file,
        f"prefect.{stream}",
        database_url=database_url,
        table=table,
        between=lambda: add(server.url, home, range(before, before + MEANWHILE)),
        PREFECT_PASSWORD=PASSWORD,
    )
    # Those that came are on no page of this chain, and those that they pushed off it are the oldest.
    assert set(stored(database_url, table)) == {identity(n) for n in range(MEANWHILE, before)}
    again = sync(start_crawl, tmp_path, file, f"prefect.{stream}", PREFECT_PASSWORD=PASSWORD)
    assert again.code == 0, again.log
    if stream == "counted":
        assert end.code == 3, end.log
        assert rows(database_url, SECOND_RUN) == [("incomplete", "short_read")]
        assert_exact(database_url, table, home)
    else:
        # Nothing in its pages shows it: what comes twice at their edges does so in every feed that grows at its top.
        assert end.code == 0, end.log
        assert ids(home) - set(stored(database_url, table)) == {identity(n) for n in range(MEANWHILE)}
