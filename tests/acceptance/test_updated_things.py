"""Things that are updated, of sources in files: no update is missed, and none is read for that is stored already."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.collection import NOON, Collection, assert_all_stored, at, floor_of, item, park, serving_collection
from tests.support.crawl import Crawl
from tests.support.database import rows, value

RECORDS = [item(f"r{n}", n * 60) for n in range(12)]


def update(api: Collection, *names: str) -> None:
    """They are the newest then."""
    newest = max(record["at"] for record in api.records)
    api.records = [
        {**record, "at": newest[:-4] + f"{500 + int(record['id'][1:]):03}Z", "updated": True}
        if record["id"] in names
        else record
        for record in api.records
    ]


def sync(start_crawl: Callable[..., Crawl], settings: dict[str, str]) -> None:
    crawl = start_crawl("", spider="park.items", **settings)
    assert crawl.wait() == 0, crawl.log


def test_known_ground_is_a_page_whose_records_are_stored_in_these_versions(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', "mutable = true")
        sync(start_crawl, settings)
        # All ids of the first two pages are known, and the versions on them are not.
        update(api, "r0", "r1", "r2", "r3")
        asked = len(api.asked)
        crashed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT="after_commit@1=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        sync(start_crawl, settings)
        assert_all_stored(database_url, api)
        # The third page is the first whose every version is known.
        assert len({request.cursor for request in api.asked[asked:]}) == 3
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert len(api.asked) == asked + 1
    reasons = rows(database_url, "SELECT reason FROM ingestion_runs WHERE status = 'complete' ORDER BY run_id")
    assert reasons == [("last_page",), ("reached_known",), ("reached_known",)]


def test_what_is_updated_is_asked_for_from_the_floor(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, '{ type = "since", param = "since" }', "mutable = true")
        sync(start_crawl, settings)
        update(api, "r0", "r1", "r2", "r3")
        asked = len(api.asked)
        sync(start_crawl, settings)
        assert set(api.sinces()[asked:]) == {at(660)}
        assert_all_stored(database_url, api)
        assert floor_of(database_url) == NOON + timedelta(seconds=660.503)


def test_each_version_has_its_time_whatever_is_killed(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    then: list[tuple[datetime, dict[str, str]]] = []
    with serving_collection("newest-first", RECORDS) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', "mutable = true\nhistory = true")
        places = ("", "mid_copy@2", "before_checkpoint@2", "before_commit@1", "after_commit@2")
        for number, place in enumerate(places):
            update(api, *(f"r{n}" for n in range(number, 7 + number)))
            if place:
                killed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT=f"{place}=kill")
                assert killed.wait() == -signal.SIGKILL, killed.log
            sync(start_crawl, settings)
            at_ = value(database_url, "SELECT clock_timestamp()")
            then.append((at_, {record["id"]: record["at"] for record in api.records}))
    for at_, served in then:
        as_of = "WHERE valid_from <= %s AND (valid_to IS NULL OR valid_to > %s)"
        found = rows(database_url, f"SELECT event_id, payload->>'at' FROM park__items__versions {as_of}", (at_, at_))
        assert sorted(found) == sorted(served.items())
    times = rows(
        database_url,
        "SELECT lead(valid_from) OVER (PARTITION BY event_id ORDER BY valid_from) IS NOT DISTINCT FROM valid_to,"
        " count(*) OVER () FROM park__items__versions",
    )
    versions = {one for _, served in then for one in served.items()}
    assert set(times) == {(True, len(versions))}
