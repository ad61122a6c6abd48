"""Django REST framework: its cursors, numbers of pages, offsets and throttle, with the faults that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, rows
from tests.support.servers.nginx import Nginx
from tests.support.servers.rest_framework import answers, copied, execute, insert, seed, serving, truth
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 10_000

# Rows change and go. Nothing can be asked for by a time, so each sync is a full one, which takes what is of a later
# version and marks as deleted what it has not met.
_SAME = """
page_size = { default = 500, max = 500 }
records = "results"
id = "id"
time = "occurred_at"
mutable = true
version = "version"
"""
_BY_URL = """
query = { page_size = "{page_size}" }
next = { from = "body:next", to = "url" }
end = ["no-next"]
"""
_STREAMS = {
    "asc": f'url = "/asc/"\norder = "oldest-first"\ndeletions = "full-sync"{_BY_URL}',
    "ties": f'url = "/ties/"\norder = "none"\ndeletions = "full-sync"{_BY_URL}',
    # Only new rows: it stops at what is known.
    "desc": f'url = "/desc/"\norder = "newest-first"\nincremental = {{ type = "known" }}{_BY_URL}',
    "same": f'url = "/same/"\norder = "none"{_BY_URL}',
    "throttled": f'url = "/throttled/"\norder = "oldest-first"{_BY_URL}',
    "urls": f'url = "/page/"\norder = "newest-first"\ntotal = "count"\ndeletions = "full-sync"{_BY_URL}',
    "page": """
url = "/page/"
query = { page_size = "{page_size}" }
order = "newest-first"
total = "count"
deletions = "full-sync"
next = { from = "counter:page", to = "query:page" }
end = ["flag:next=null"]
""",
    "offset": """
url = "/offset/"
query = { limit = "{page_size}" }
order = "newest-first"
total = "count"
deletions = "full-sync"
next = { from = "counter:offset", to = "query:offset" }
end = ["short", "empty"]
""",
}


def source(url: str, *streams: str) -> str:
    parts = (f"[streams.{name}]\n{_STREAMS[name]}{_SAME}" for name in streams)
    return f'[source]\nname = "drf"\nbase_url = "{url}"\n' + "\n".join(parts)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rest-framework")


@pytest.fixture(scope="module")
def seeded(place: Path) -> Path:
    """As it was seeded; a test that changes something takes a copy."""
    seed(place / "seeded.sqlite", TOTAL)
    return place / "seeded.sqlite"


def fewer(seeded: Path, place: Path) -> Path:
    """A copy with 2,500 rows: five pages."""
    own = copied(seeded, place)
    execute(own, "DELETE FROM lab_event WHERE occurred_at >= '2024-01-01 00:41:40'")
    return own


@pytest.fixture(scope="module")
def small(place: Path, seeded: Path) -> Path:
    return fewer(seeded, place)


@pytest.fixture(scope="module")
def server(place: Path, small: Path) -> Iterator[RealServer]:
    """Whose records no one changes; it lets one request a second through where it is throttled."""
    with serving(place, small, LAB_RATE="1/second") as server:
        yield server


def test_four_paginators_are_exact_at_first_and_after_rows_came_changed_and_went(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, place: Path, seeded: Path
) -> None:
    names = ("asc", "ties", "page", "offset")
    own = copied(seeded, tmp_path)
    with serving(tmp_path, own) as server:
        file = source(server.url, *names, "desc")
        first = sync(start_crawl, tmp_path, file, "drf")
        assert first.code == 0, first.log
        for name in (*names, "desc"):
            assert stored(database_url, f"drf__{name}") == truth(own), name

        insert(own, *(f"new-{n}" for n in range(30)), at="2025-01-01 00:00:00")
        changed, gone = sorted(truth(own))[:5], sorted(truth(own))[1000:1003]
        for identity in changed:
            execute(own, "UPDATE lab_event SET version = 2 WHERE id = ?", identity)
        for identity in gone:
            execute(own, "DELETE FROM lab_event WHERE id = ?", identity)
        second = sync(start_crawl, tmp_path, file, "drf")
        assert second.code == 0, second.log
        asked = answers(server, "/desc/")
    for name in names:
        assert stored(database_url, f"drf__{name}") == truth(own), name
        marked = rows(database_url, f"SELECT event_id FROM drf__{name} WHERE deleted_at IS NOT NULL")
        assert sorted(key for (key,) in marked) == gone, name
    assert stored(database_url, "drf__desc").keys() == truth(own).keys() | set(gone)
    # All pages at first, and later two: what is new, and one page of what is known.
    assert len(asked) <= TOTAL // 500 + 1 + 2


def test_more_ties_than_its_cursor_counts_repeat_for_ever_and_end_the_run_as_failed(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, small: Path
) -> None:
    """2,500 records of one time: behind the thousandth the server's next URL is the one that was asked for."""
    end = sync(start_crawl, tmp_path, source(server.url, "same"), "drf.same")
    assert end.code == 1, end.log
    status, reason, _ = last_end(database_url)
    assert (status, reason) == ("failed", "cursor_repeated")
    assert 0 < len(stored(database_url, "drf__same")) < len(truth(small))
    # No one asks for the same page for ever.
    assert len(answers(server, "/same/")) < 60


def test_the_throttle_is_kept_to_the_second_and_nothing_is_lost(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, small: Path
) -> None:
    end = sync(start_crawl, tmp_path, source(server.url, "throttled"), "drf.throttled")
    assert end.code == 0, end.log
    assert stored(database_url, "drf__throttled") == truth(small)
    given = answers(server, "/throttled/")
    refused = [(a, b) for a, b in pairwise(given) if a.status == 429]
    assert refused, "the throttle let everything through"
    for refusal, following in refused:
        assert refusal.wait is not None
        assert following.came - refusal.left >= refusal.wait - 0.002


def test_killed_behind_a_proxy_whose_429_says_nothing_it_is_exact_and_asks_politely(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, server: RealServer, small: Path
) -> None:
    with Nginx(server.url, "3r/s") as nginx:
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            source(nginx.url, "asc"),
            "drf.asc",
            database_url=database_url,
            table="drf__asc",
            API_RETRY_BASE_MS="300",
        )
        assert end.code == 0, end.log
        given = nginx.answers()
    assert stored(database_url, "drf__asc") == truth(small)
    pauses = [b.time - a.time for a, b in pairwise(given) if a.status == 429]
    assert pauses
    assert min(pauses) >= 0.14, pauses
    assert len(pauses) <= len(truth(small)) // 500 + 3


def test_a_cursor_that_became_invalid_while_nothing_ran_is_given_up_once_and_made_good(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, seeded: Path
) -> None:
    def spoil() -> None:
        """As an upgrade does after which the server reads its own older cursors no more: 404, Invalid cursor."""
        kept = "UPDATE ingestion_state SET cursor = regexp_replace(cursor, 'cursor=[^&]*', 'cursor=x')"
        execute_outside(database_url, f"{kept} WHERE stream = 'drf.asc' AND cursor LIKE '%cursor=%'")

    with serving(tmp_path, seeded) as server:
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            source(server.url, "asc"),
            "drf.asc",
            database_url=database_url,
            table="drf__asc",
            between=spoil,
        )
        refused = [answer for answer in answers(server, "/asc/") if answer.status == 404]
    assert end.code == 0, end.log
    assert len(refused) == 1
    assert stored(database_url, "drf__asc") == truth(seeded)


@pytest.mark.parametrize("name", ["page", "offset", "urls"])
def test_rows_that_go_during_a_chain_by_numbers_make_it_incomplete_and_the_next_sync_makes_it_good(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, seeded: Path, name: str
) -> None:
    """Three go before the place that is asked for next: three others stand on no page of this chain."""
    own = fewer(seeded, tmp_path)

    def take_away() -> None:
        newest = sorted(truth(own).values(), key=lambda row: str(row["occurred_at"]))[-3:]
        for row in newest:
            execute(own, "DELETE FROM lab_event WHERE id = ?", row["id"])

    with serving(tmp_path, own) as server:
        file = source(server.url, name)
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            f"drf.{name}",
            database_url=database_url,
            table=f"drf__{name}",
            between=take_away,
        )
        assert end.code == 3, end.log
        assert last_end(database_url)[:2] == ("incomplete", "short_read")
        assert len(truth(own).keys() - stored(database_url, f"drf__{name}").keys()) == 3
        again = sync(start_crawl, tmp_path, file, f"drf.{name}")
        assert again.code == 0, again.log
        assert stored(database_url, f"drf__{name}") == truth(own)


def test_rows_that_come_during_a_chain_by_numbers_shift_others_which_come_twice_and_are_had_by_the_next_sync(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, seeded: Path
) -> None:
    own = fewer(seeded, tmp_path)
    with serving(tmp_path, own) as server:
        file = source(server.url, "urls")
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            "drf.urls",
            database_url=database_url,
            table="drf__urls",
            between=lambda: insert(own, "late-1", "late-2", at="2025-01-01 00:00:00"),
        )
        # It has all that was there as it began.
        assert end.code == 0, end.log
        assert truth(own).keys() - stored(database_url, "drf__urls").keys() == {"late-1", "late-2"}
        again = sync(start_crawl, tmp_path, file, "drf.urls")
        assert again.code == 0, again.log
        assert stored(database_url, "drf__urls") == truth(own)


def test_an_offset_past_the_end_stores_nothing_and_is_not_called_complete(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, seeded: Path
) -> None:
    """The collection was emptied down to less than the stored place: 200, no record, and a count that says so."""
    own = copied(seeded, tmp_path)
    with serving(tmp_path, own) as server:
        file = source(server.url, "offset")
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            "drf.offset",
            database_url=database_url,
            table="drf__offset",
            between=lambda: execute(own, "DELETE FROM lab_event WHERE occurred_at >= '2024-01-01 00:05:00'"),
        )
        assert end.code == 3, (end.log, last_end(database_url))
        again = sync(start_crawl, tmp_path, file, "drf.offset")
        assert again.code == 0, again.log
        assert stored(database_url, "drf__offset") == truth(own)
        assert len(truth(own)) == 300
