"""What the commands say and change of one slice, where the slice beside it has equal ids and equal dead letters."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, rows
from tests.support.feed import FEED_SETTINGS, feed_events, serving

A, B = '{"tenant":"a"}', '{"tenant":"b"}'
LATER = '{"id":"evt-late","type":"late","timestamp":1769541612000}'


def test_each_command_goes_by_the_slice_that_is_named(start_crawl: Callable[..., Crawl], database_url: str) -> None:
    # Equal ids, one of which only a has, and a record without an id that is the same for both.
    nameless = [{"type": "nameless"}]
    with serving(feed_events(29) + nameless, flat=True) as a, serving(feed_events(11) + nameless, flat=True) as b:
        for feed, name in ((a, A), (b, B)):
            crawl = start_crawl(feed.base_url, **FEED_SETTINGS, STREAM="orders", SLICE=name)
            assert crawl.wait() == 0, crawl.log

    def command(*arguments: str, slice_: str = B) -> str:
        done = scrapy(*arguments, DATABASE_URL=database_url, STREAM="orders", SLICE=slice_)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def counted() -> list[tuple[int, ...]]:
        return rows(
            database_url,
            "SELECT total_ingested, (SELECT count(*) FROM datasync__orders WHERE slice_id = state.id), total_rejected"
            " FROM ingestion_state AS state WHERE stream = 'orders' ORDER BY slice",
        )

    assert counted() == [(29, 29, 1), (11, 11, 1)]
    status = json.loads(command("status", "--json"))
    assert (status["slice"], status["total_ingested"], status["run"]["inserted"]) == (B, 11, 11)
    verified = json.loads(command("verify", "--no-api", "--json"))
    assert sum(day["events"] for day in verified["by_day"]) == 11
    assert command("submit", "prepare").splitlines() == [f"evt-{n:04}" for n in range(11)]
    rejected = json.loads(command("rejected", "--json"))
    assert (rejected["open"], len(rejected["events"])) == (1, 1)
    theirs = json.loads(command("rejected", "--json", slice_=A))["events"][0]["id"]
    refused = scrapy("rejected", "--raw", str(theirs), DATABASE_URL=database_url, STREAM="orders", SLICE=B)
    assert (refused.returncode, refused.stdout) == (1, ""), refused.stderr

    # As an earlier version that could not read it would have left it, with both.
    execute_outside(
        database_url,
        f"UPDATE rejected_events SET raw = new, raw_sha256 = sha256(new) FROM convert_to('{LATER}', 'UTF8') AS new",
    )
    assert "1 are stored now" in command("replay")
    assert counted() == [(29, 29, 1), (12, 12, 0)]
    assert "there is nothing to replay" in command("replay")
    assert json.loads(command("rejected", "--json", slice_=A))["open"] == 1
    for slice_ in (A, B):
        command("verify", "--no-api", slice_=slice_)
