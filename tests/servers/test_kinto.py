"""Kinto: the next URL in a header, changes and deletions since a time, 304, and records that move as they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.filesources import assert_hidden, whole_database
from tests.support.servers.kinto import PASSWORD, USER, Kinto, identity, serving
from tests.support.servers.nginx import Nginx
from tests.support.servers.syncing import kill_in_midchain, last_end, stored, sync

StartCrawl = Callable[..., Crawl]
TOTAL = 2_500
SECRET = {"KINTO_PASSWORD": PASSWORD}

# Asked since the last change that is stored, which it wants in quotes: what was changed comes as it is now, and what
# was deleted as a notice, exclusive of that very change.
_SINCE = """
[streams.since]
url = "/buckets/b/collections/{collection}/records"
query = {{ _sort = "last_modified", _limit = "{{page_size}}", _since = '"{{since}}"' }}
page_size = {size}
records = "data"
id = "id"
time = {{ path = "last_modified", format = "ms" }}
order = "oldest-first"
mutable = true
tombstone = {{ path = "deleted", value = true }}
next = {{ from = "header:Next-Page", to = "url" }}
end = {end}
incremental = {{ type = "since", format = "ms", inclusive = false }}
"""
# The newest change first, up to what is known; an unchanged collection is one 304. It shows no deletion.
_KNOWN = """
[streams.known]
url = "/buckets/b/collections/{collection}/records"
query = {{ _limit = "{{page_size}}" }}
page_size = {size}
records = "data"
id = "id"
time = {{ path = "last_modified", format = "ms" }}
order = "newest-first"
mutable = true
next = {{ from = "header:Next-Page", to = "url" }}
end = {end}
incremental = {{ type = "known", conditional = true }}
"""


def source(url: str, collection: str, stream: str, *, size: int = 500, end: str = '["no-next"]') -> str:
    auth = f'{{ type = "basic", user = "{USER}", password = "secret:KINTO_PASSWORD" }}'
    return f'[source]\nname = "kinto"\nbase_url = "{url}/v1"\nauth = {auth}\n' + stream.format(
        collection=collection, size=size, end=end
    )


@pytest.fixture(scope="module")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kinto]:
    with serving(tmp_path_factory.mktemp("kinto")) as kinto:
        kinto.seed("many", range(TOTAL))
        yield kinto


def test_changes_since_the_last_one_and_deletions_are_exact_through_a_kill_and_a_proxy_that_refuses(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, kinto: Kinto
) -> None:
    """A record that is changed while the chain is on comes twice, as it was and as it is."""
    changed = (3, 700, TOTAL - 1)
    with Nginx(kinto.url, "5r/s") as nginx:
        file = source(nginx.url, "many", _SINCE)
        first = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            "kinto.since",
            database_url=database_url,
            table="kinto__since",
            between=lambda: kinto.change("many", *changed),
            API_RETRY_BASE_MS="400",
            **SECRET,
        )
        assert first.code == 0, first.log
        assert stored(database_url, "kinto__since") == kinto.truth("many")
        given = nginx.answers()
    pauses = [b.time - a.time for a, b in pairwise(given) if a.status == 429]
    assert all(pause >= 0.19 for pause in pauses)
    assert len(given) <= 2 * (TOTAL // 500 + 2)
    # Two were stored before they were changed, and have come in both versions.
    both = rows(database_url, "SELECT sum(duplicates) FROM ingestion_runs")[0][0]
    assert both >= 2

    gone = (5, 1200)
    kinto.seed("many", range(TOTAL, TOTAL + 150))
    kinto.change("many", 9, 10)
    kinto.delete("many", *gone)
    second = sync(start_crawl, tmp_path, source(kinto.url, "many", _SINCE), "kinto.since", **SECRET)
    assert second.code == 0, second.log
    living = {key: one for key, one in stored(database_url, "kinto__since").items() if not one.get("deleted")}
    assert living == kinto.truth("many")
    tombs = rows(database_url, "SELECT event_id FROM kinto__since WHERE payload @> '{\"deleted\": true}'")
    assert {key for (key,) in tombs} == {identity(number) for number in gone}
    kind, fetched = rows(
        database_url, "SELECT pass_kind, inserted + duplicates FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"
    )[0]
    assert kind == "incremental"
    assert fetched <= 160
    assert_hidden([PASSWORD], first.log, second.log, whole_database(database_url))


def test_newest_first_a_record_that_changed_during_the_chain_is_missed_and_made_good_by_the_next_sync(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, kinto: Kinto
) -> None:
    """It moves to the head, which the chain has behind it. Nothing in the answers shows that."""
    kinto.seed("moving", range(1_000))
    moved = {identity(number) for number in (1, 2, 3)}
    file = source(kinto.url, "moving", _KNOWN, size=200)
    first = kill_in_midchain(
        start_crawl,
        tmp_path,
        file,
        "kinto.known",
        database_url=database_url,
        table="kinto__known",
        between=lambda: kinto.change("moving", 1, 2, 3),
        **SECRET,
    )
    assert first.code == 0, first.log
    assert kinto.truth("moving").keys() - stored(database_url, "kinto__known").keys() == moved

    second = sync(start_crawl, tmp_path, file, "kinto.known", **SECRET)
    assert second.code == 0, second.log
    assert stored(database_url, "kinto__known") == kinto.truth("moving")

    third = sync(start_crawl, tmp_path, file, "kinto.known", **SECRET)
    assert third.code == 0, third.log
    assert last_end(database_url)[:2] == ("complete", "not_modified")


def test_a_limit_that_is_clamped_without_a_word_ends_no_chain_early(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, kinto: Kinto
) -> None:
    """1,000 are asked for, 500 come, and the header says that more follow."""
    file = source(kinto.url, "many", _SINCE, size=1000, end='["short", "no-next"]')
    end = sync(start_crawl, tmp_path, file, "kinto.since", **SECRET)
    assert end.code == 0, end.log
    assert stored(database_url, "kinto__since") == kinto.truth("many")
