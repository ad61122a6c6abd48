"""Streams that are asked for what is not older than a time: exact, in each order, whatever is killed in between."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.collection import (
    NOON,
    TABLE,
    Request,
    assert_all_stored,
    at,
    floor_of,
    item,
    park,
    serving_collection,
)
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.feed import Reply

SINCE = '{ type = "since", param = "since", overlap = "10s" }'
ORDERS = ("newest-first", "oldest-first", "none")
# The newest two of the past have one time; one is from the future, and of two no one knows the time.
RECORDS = [
    *(item(f"r{n}", n * 60) for n in range(8)),
    item("tie", 7 * 60),
    item("year-9999", None) | {"at": "9999-12-31T00:00:00.000Z"},
    item("future", None) | {"at": "2199-01-01T00:00:00.000Z"},
    item("unknown", None),
    item("year-1", None) | {"at": "0001-01-01T00:00:00.000Z"},
]
NEWEST = 7 * 60


def start(start_crawl: Callable[..., Crawl], settings: dict[str, str], **more: str) -> Crawl:
    return start_crawl("", spider="park.items", **{**settings, **more})


def sync(start_crawl: Callable[..., Crawl], settings: dict[str, str], code: int = 0, **more: str) -> str:
    crawl = start(start_crawl, settings, **more)
    assert crawl.wait() == code, crawl.log
    return crawl.log


def since_of(seconds: float) -> str:
    return at(seconds)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
def test_a_sync_that_is_killed_goes_on_and_the_next_one_asks_from_the_floor(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path, order: str, place: str
) -> None:
    with serving_collection(order, RECORDS) as api:
        settings = park(tmp_path / "sources", api, SINCE)
        crashed = start(start_crawl, settings, DATASYNC_FAILPOINT=f"{place}@3=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        if order != "oldest-first":
            assert floor_of(database_url) is None
        sync(start_crawl, settings)
        assert set(api.sinces()) == {None}
        assert_all_stored(database_url, api)
        assert floor_of(database_url) == NOON + timedelta(seconds=NEWEST)

        # A late one within the overlap, and more new ones than a page has, so that there is a middle to be killed in.
        api.records += [item("late", NEWEST - 9), *(item(f"new{n}", NEWEST + 60 + n) for n in range(8))]
        asked = len(api.asked)
        crashed = start(start_crawl, settings, DATASYNC_FAILPOINT=f"{place}@2=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        sync(start_crawl, settings)
        assert set(api.sinces()[asked:]) == {since_of(NEWEST - 10)}
        assert api.asked[-1].cursor is not None
        assert_all_stored(database_url, api)
        assert floor_of(database_url) == NOON + timedelta(seconds=NEWEST + 67)

        # Nothing new: one short sync, from the new floor.
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert set(api.sinces()[asked:]) == {since_of(NEWEST + 57)}
    kinds = rows(database_url, "SELECT DISTINCT pass_number, pass_kind FROM ingestion_runs ORDER BY 1")
    assert kinds == [(1, "full"), (2, "incremental"), (3, "incremental")]
    verify = scrapy(
        "verify", "--no-api", STREAM="park.items", DATABASE_URL=database_url, SOURCES_DIR=settings["SOURCES_DIR"]
    )
    assert verify.returncode == 0, verify.stdout


def expiring(every: int) -> Callable[[Request], Reply | None]:
    """Cursors that live for so many requests and no longer."""
    fresh = [0]

    def answer(request: Request) -> Reply | None:
        fresh[0] = 0 if request.cursor is None else fresh[0] + 1
        return Reply({"error": "cursor expired"}, 410) if fresh[0] == every else None

    return answer


def test_where_the_oldest_come_first_a_chain_begins_anew_behind_what_is_proven(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    records = [item(f"r{n:02}", n * 60) for n in range(20)]
    with serving_collection("oldest-first", records, answer=expiring(2)) as api:
        settings = park(tmp_path / "sources", api, SINCE)
        log = sync(start_crawl, settings)
        assert_all_stored(database_url, api)
        heads = [request.since for request in api.asked if request.cursor is None]
        assert heads[0] is None
        assert heads[1:] == sorted(set(filter(None, heads)))
        assert len(heads) > 3, log
        assert floor_of(database_url) == NOON + timedelta(seconds=19 * 60)
    # The totals of chains that ask from a later time are not the pass's.
    assert rows(database_url, "SELECT DISTINCT expected_total FROM ingestion_runs") == [(20,)]


@pytest.mark.parametrize("status", [410, 400])
def test_where_the_newest_come_first_a_position_that_is_lost_begins_anew_from_the_floor_of_the_pass(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path, status: int
) -> None:
    with serving_collection("newest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, SINCE)
        sync(start_crawl, settings)
        api.records += [item(f"new{n}", NEWEST + 60 + n) for n in range(8)]
        crashed = start(start_crawl, settings, DATASYNC_FAILPOINT="after_commit@2=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        asked = len(api.asked)

        def lost(request: Request) -> Reply | None:
            api.answer = None
            return Reply({"error": "the cursor is not known"}, status)

        api.answer = lost
        sync(start_crawl, settings)
        assert set(api.sinces()[asked:]) == {since_of(NEWEST - 10)}
        assert api.asked[asked + 1].cursor is None
        assert_all_stored(database_url, api)
        assert floor_of(database_url) == NOON + timedelta(seconds=NEWEST + 67)


def test_a_sync_that_got_less_than_was_claimed_is_incomplete_and_the_next_one_full(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, SINCE)
        sync(start_crawl, settings)
        new = [item(f"new{n}", NEWEST + 60 + n) for n in range(5)]
        api.records += new

        def twice_instead(request: Request) -> Reply | None:
            """One record comes twice, and another one not at all."""
            found = api.page(request.query)
            served = [new[4] if one == new[1] else one for one in found["items"]]
            return Reply({**found, "items": served})

        api.answer = twice_instead
        sync(start_crawl, settings, code=3)
        (detail,) = rows(database_url, "SELECT detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0]
        # Two ties and three from the future or without a time come again.
        assert "but the API counts 10 since then: 1 are missing" in detail
        assert floor_of(database_url) is None
        verify = scrapy(
            *("verify", "--no-api"), STREAM="park.items", DATABASE_URL=database_url, SOURCES_DIR=settings["SOURCES_DIR"]
        )
        assert verify.returncode == 3, verify.stdout
        api.answer = None
        sync(start_crawl, settings)
        assert api.sinces()[-1] is None
        assert_all_stored(database_url, api)
    kinds = rows(database_url, "SELECT pass_kind, status FROM ingestion_runs ORDER BY run_id")
    assert kinds == [("full", "complete"), ("incremental", "incomplete"), ("full", "complete")]


def test_an_api_that_asks_for_it_is_read_from_its_beginning_at_once_and_once(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    resync = Reply({"code": "syncStateNotFound"}, 400)
    meanings = 'meanings = [{ status = 400, path = "code", value = "syncStateNotFound", means = "resync" }]'
    with serving_collection("oldest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, SINCE)
        path = tmp_path / "sources" / "park.toml"
        path.write_text(path.read_text().replace("[streams.items]", f"{meanings}\n[streams.items]"))
        sync(start_crawl, settings)
        api.records += [item(f"new{n}", NEWEST + 60 + n) for n in range(5)]
        # In the midst of an incremental pass.
        api.answer = lambda request: resync if request.since is not None and request.cursor is not None else None
        log = sync(start_crawl, settings)
        assert "position and floor are given up, and a full pass begins" in log
        assert_all_stored(database_url, api)
        assert floor_of(database_url) == NOON + timedelta(seconds=NEWEST + 64)
        kind, number, detail = rows(
            database_url, "SELECT pass_kind, pass_number, detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"
        )[0]
        assert (kind, number) == ("full", 3)
        assert detail.endswith("; the API asked for a sync from the beginning, so position and floor were given up")

        # An API that never says anything else ends the run.
        api.answer = lambda _: resync
        asked = len(api.asked)
        sync(start_crawl, settings, code=1)
        assert [request.since is None for request in api.asked[asked:]] == [False, True]
        assert value(database_url, "SELECT reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == "resync"
        verify = scrapy(
            *("verify", "--no-api"), STREAM="park.items", DATABASE_URL=database_url, SOURCES_DIR=settings["SOURCES_DIR"]
        )
        assert verify.returncode == 0, verify.stdout


def test_an_api_that_gives_only_what_is_later_is_asked_one_step_lower_and_from_the_start_that_is_named(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("oldest-first", RECORDS, is_inclusive=False) as api:
        way = '{ type = "since", param = "since", inclusive = false, start = "2026-01-01" }'
        settings = park(tmp_path / "sources", api, way)
        sync(start_crawl, settings)
        assert set(api.sinces()) == {"2026-01-01T00:00:00.000Z"}
        api.records.append(item("second tie", NEWEST))
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert set(api.sinces()[asked:]) == {at(NEWEST - 0.001)}
        # The one of the year 1 lies before the start.
        api.records = [record for record in api.records if record["id"] != "year-1"]
        assert_all_stored(database_url, api)
        # A backfill's own time stands before it, and moves nothing.
        before = floor_of(database_url)
        backfill = start_crawl("", "-a", f"since={at(60)}", spider="park.items", **settings)
        assert backfill.wait() == 0, backfill.log
        assert api.sinces()[-1] == at(60)
        assert floor_of(database_url) == before
        # What is forgotten is forgotten.
        reset = scrapy("streams", "reset", "park.items", "--yes", DATABASE_URL=database_url, **settings)
        assert reset.returncode == 0, reset.stdout + reset.stderr
        assert floor_of(database_url) is None
    assert value(database_url, f"SELECT count(*) FROM {TABLE}") == 0
