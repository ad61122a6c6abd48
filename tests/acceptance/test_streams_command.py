"""`scrapy streams`, as a person uses it: what is registered, and what goes when someone asks for it by name."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from datasync_spider.sync.plan import fingerprint
from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.feed import FEED_SETTINGS, Asked, assert_feed_is_stored, serving
from tests.support.pages import page
from tests.support.runs import RunWriter, open_test_run, slice_of
from tests.support.sources import EVENTS_STREAM
from tests.support.terminal import OnTerminal
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]


def streams(url: str, *arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code, and all that was said."""
    done = scrapy("streams", *arguments, DATABASE_URL=url, **settings)
    return done.returncode, done.stdout + done.stderr


def listed(url: str, *arguments: str) -> dict[str, dict[str, Any]]:
    report = json.loads(scrapy("streams", "--json", *arguments, DATABASE_URL=url).stdout)
    return {entry["stream"]: entry for entry in report["slices"]}


def is_asked(terminal: OnTerminal) -> bool:
    return "Type the stream's name" in terminal.text


def store(url: str, stream: str = "orders") -> None:
    """A run of two events that is still called running; its process is dead."""
    writer = RunWriter(url, open_test_run(url, stream))
    with closing(writer.connection):
        writer.write(page(1, ["a", "b"]))
    execute_outside(url, "UPDATE ingestion_state SET lease_expires_at = now() - INTERVAL '1 second'")


def test_a_stream_that_is_read_otherwise_is_refused_until_it_is_reset_and_then_read_anew(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving() as feed:
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 0
        as_another_version = 'UPDATE ingestion_streams SET fingerprint = fingerprint || \'{"id": "event_id"}\''
        execute_outside(database_url, as_another_version)
        refused = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert refused.wait() == 2, refused.log
        last_lines = refused.log[refused.log.index("ingestion not started: the configuration is refused") :]
        assert f"(id was 'event_id' and is '{fingerprint(EVENTS_STREAM)['id']}')" in last_lines
        assert "scrapy streams reset events" in last_lines
        assert len(feed.asked) == 3

        assert streams(database_url, "reset", "events", "--yes")[0] == 0
        forgotten = scrapy("status", "--json", "--expect", "complete", DATABASE_URL=database_url)
        assert forgotten.returncode == 1
        status = json.loads(forgotten.stdout)
        assert (status["total_ingested"], status["run"], len(status["earlier_runs"])) == (0, None, 1)
        assert scrapy("verify", "--no-api", DATABASE_URL=database_url).returncode == 0

        again = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert again.wait() == 0, again.log
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c2"] * 2
    assert_feed_is_stored(database_url, feed.events)
    verified = scrapy("verify", "--no-api", DATABASE_URL=database_url)
    assert verified.returncode == 0, verified.stdout
    assert listed(database_url)["events"]["pass"] == {"number": 2, "kind": "full", "status": "complete"}


def test_a_paused_stream_begins_no_run_until_it_is_resumed(start_crawl: StartCrawl, database_url: str) -> None:
    assert streams(database_url, "pause", "events")[0] == 0
    assert listed(database_url)["events"]["paused_at"] is not None
    with serving() as feed:
        refused = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert refused.wait() == 2, refused.log
        assert "ingestion not started: the configuration is refused: stream events is paused since" in refused.log
        assert "scrapy streams resume events" in refused.log
        assert feed.asked == []
        assert streams(database_url, "resume", "events") == (
            0,
            "stream events is resumed: the next crawl goes on where it was\n",
        )
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 0
    assert streams(database_url, "resume", "events")[1] == "stream events was not paused\n"


def test_a_frozen_crawl_keeps_its_stream_while_its_lease_lives_and_is_fenced_off_after_a_reset(
    start_crawl: StartCrawl, database_url: str
) -> None:
    thawed = threading.Event()

    def hold_the_last_page(asked: Asked) -> None:
        if asked.cursor == "c2":
            thawed.wait(120)

    with serving(answer=hold_the_last_page) as feed:
        settings = {**FEED_SETTINGS, "STREAM": "orders", "API_TIMEOUT_MS": "120000"}
        frozen = start_crawl(feed.base_url, **settings)
        stored = "SELECT total_ingested FROM ingestion_state WHERE stream = 'orders'"
        eventually(lambda: (20,) in rows(database_url, stored), what="two pages to be stored")
        frozen.kill(signal.SIGSTOP)
        eventually(lambda: frozen.is_frozen, what="the crawl to freeze")
        code, reported = streams(database_url, "reset", "orders", "--yes")
        assert code == 4, reported
        assert f"process {frozen.process.pid}" in reported
        execute_outside(database_url, "UPDATE ingestion_state SET lease_expires_at = now() WHERE stream = 'orders'")
        code, reported = streams(database_url, "reset", "orders", "--yes")
        assert code == 0, reported
        thawed.set()
        frozen.kill(signal.SIGCONT)
        assert frozen.wait() == 1, frozen.log
        assert "ingestion fenced off" in frozen.log
        assert value(database_url, "SELECT count(*) FROM datasync__orders") == 0
        assert start_crawl(feed.base_url, **settings).wait() == 0
    assert value(database_url, "SELECT count(*) FROM datasync__orders") == 30


@pytest.mark.parametrize("action", ["reset", "drop"])
@pytest.mark.parametrize("place", ["removal_fenced", "removal_written", "removal_committed"])
def test_a_crash_leaves_all_of_a_stream_or_nothing(database_url: str, action: str, place: str) -> None:
    store(database_url)
    state = "SELECT to_jsonb(s) FROM ingestion_state AS s UNION ALL SELECT to_jsonb(s) FROM ingestion_streams AS s"
    before = rows(database_url, state)
    code, reported = streams(database_url, action, "orders", "--yes", DATASYNC_FAILPOINT=f"{place}=kill")
    assert code == -signal.SIGKILL, reported
    is_done = place == "removal_committed"
    assert (rows(database_url, state) != before) is is_done
    if not is_done:
        assert value(database_url, "SELECT count(*) FROM datasync__orders") == 2
        assert value(database_url, "SELECT count(*) FROM ingestion_pages") == 1
        assert streams(database_url, action, "orders", "--yes")[0] == 0
    assert ("orders" in listed(database_url)) is (action == "reset")
    store(database_url)
    assert value(database_url, "SELECT count(*) FROM datasync__orders") == 2


def test_nothing_goes_without_its_name_being_said(database_url: str) -> None:
    store(database_url)
    for arguments, message in {
        ("drop", "orders"): "no one is there to be asked: say --yes",
        (
            "drop",
            "ordres",
            "--yes",
        ): "there is no stream ordres: this database has: events, orders (did you mean orders?)",
        ("drop", "events", "--yes"): "scrapy streams reset events empties it",
        ("reset", "orders", "--slice", "eu", "--yes"): "the stream orders has no slice eu",
        ("list", "--stream", "ordres"): "there is no stream ordres",
        ("drop",): "say list, or pause, resume, resync, accept, reset or drop and one name",
        ("drop", "orders", "--json"): "--json does not go with drop",
        ("reset", "ord*", "--yes"): "reset takes one name, and ord* may mean several",
        ("drop", "orders", "--slice", "*", "--yes"): "drop takes one name, and * may mean several",
        ("pause", "shop.*"): "no stream is like shop.*: this database has: events, orders",
        ("resync", "orders", "--slice", '{"tenant":"z"}'): 'has no slice {"tenant":"z"}: it has {}',
        ("pause", "orders", "--full"): "--full does not go with pause",
        ("drop", "orders", "--slice", "{]"): "--slice '{]' is not a JSON object",
    }.items():
        code, reported = streams(database_url, *arguments)
        assert code == 2, reported
        assert message in reported
    assert value(database_url, "SELECT count(*) FROM datasync__orders") == 2


def test_a_person_at_a_terminal_is_shown_what_goes_and_types_the_name(database_url: str) -> None:
    store(database_url)
    for typed, code in {"yes": 1, "orders": 0}.items():
        terminal = OnTerminal("streams", "drop", "orders", columns=200, DATABASE_URL=database_url)
        try:
            eventually(partial(is_asked, terminal), what="the question")
            assert "stream orders: 2 rows by the totals in datasync__orders, 0 dead letters" in terminal.text
            terminal.type(typed)
            assert terminal.wait() == code, terminal.text
        finally:
            terminal.close()
        assert ("orders" in listed(database_url)) is (code == 1)


def test_the_list_shows_every_slice_and_says_how_many_more_there_are(database_url: str) -> None:
    store(database_url)
    slice_ = slice_of(database_url, "orders")
    execute_outside(
        database_url,
        "INSERT INTO ingestion_state (stream_id, stream, slice, paused_at)"
        f" SELECT {slice_.stream_id}, 'orders', E'a\\x1b' || n, now() FROM generate_series(1, 300) AS n",
    )
    code, reported = streams(database_url)
    assert code == 0, reported
    head, *lines, more = reported.splitlines()
    assert head.split() == ["source", "stream", "table", "stored", "rejected", "pass", "last", "run"]
    assert (len(lines), more) == (200, "and 102 more: --limit 0 lists all, --stream NAME one stream's")
    assert "orders a\\x1b1 " in reported
    report = listed(database_url, "--stream", "orders", "--limit", "0")
    assert set(report) == {"orders"}
    (own,) = [line for line in streams(database_url, "--limit", "0")[1].splitlines() if "running" in line]
    for part in ("datasync", "public.datasync__orders", "2", "0", "1 full: open", "running (run 1)"):
        assert part in own
    assert "held by process 4711 on elsewhere (run 1, expired)" in own


def test_patterns_name_many_and_a_run_that_is_under_way_goes_on_before_what_was_asked(
    start_crawl: StartCrawl, database_url: str
) -> None:
    store(database_url)
    store(database_url, "order_lines")
    assert streams(database_url, "pause", "order*") == (
        0,
        (
            "stream orders is paused: a run that is under way goes on to its end, none begins\n"
            "stream order_lines is paused: a run that is under way goes on to its end, none begins\n"
        ),
    )
    assert set(listed(database_url, "--stream", "*_lines")) == {"order_lines"}
    assert streams(database_url, "resume", "*s", "--slice", "*")[1].count(" is resumed") == 2
    answered = threading.Event()

    def hold_the_last_page(asked: Asked) -> None:
        if asked.cursor == "c2":
            answered.wait(120)

    with serving(answer=hold_the_last_page) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        eventually(lambda: len(feed.asked) == 3, what="the last page to be asked for")
        code, reported = streams(database_url, "resync", "events", "--full")
        open_already = "stream events is due now: a full sync is open already, and goes on; a run is under way"
        assert (code, reported) == (0, f"{open_already}, which the next sync comes after\n")
        assert streams(database_url, "reset", "events", "--yes")[0] == 4
        answered.set()
        assert crawl.wait() == 0, crawl.log
        code, reported = streams(database_url, "resync", "events", "--full")
        assert (code, reported) == (
            0,
            "stream events is due now: the next sync is a full one; what is stored stays, and so does the floor\n",
        )
        for passes, asked in ((2, 6), (3, 7)):
            again = start_crawl(feed.base_url, **FEED_SETTINGS)
            assert again.wait() == 0, again.log
            assert len(feed.asked) == asked
            assert listed(database_url)["events"]["pass"]["number"] == passes
    assert_feed_is_stored(database_url, feed.events)
