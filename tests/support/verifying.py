"""A database whose totals are right, made without a crawl, and what ``scrapy verify`` says of it."""

from __future__ import annotations

from dataclasses import replace

from datasync_spider.items import EventPage
from datasync_spider.ops.verification.allchecks import check_all
from datasync_spider.ops.verification.check import Check
from datasync_spider.ops.verification.completeness import RemoteTotal
from datasync_spider.ops.verification.deadletterchecks import DeadLetters, look_through
from datasync_spider.storage.connection import connected
from datasync_spider.storage.deadletters import Chosen, read_dead_letters_after
from datasync_spider.storage.registry import find_slice
from datasync_spider.storage.replays import replay_dead_letters
from datasync_spider.storage.runs import finish_run, open_replay
from datasync_spider.storage.verification import Facts, read_facts, snapshot
from tests.support.deadletters import dead_letter, raw_event
from tests.support.pages import event, page
from tests.support.runs import ELSEWHERE, EVENTS, run_writer
from tests.support.sources import READER
from tests.support.truth import assert_totals_balance

SECOND_US = 1_000_000
START_US = 1_700_000_000 * SECOND_US
# Stored by the crawls, stored by the replay, still rejected.
ACCOUNTED = 10 + 1 + 2


def step(
    number: int,
    ids: list[int],
    cursor: str | None,
    next_cursor: str | None,
    *,
    rejected: list[tuple[str, bytes]] | None = None,
    ends_pass: str | None = None,
    chain: int = 1,
) -> EventPage:
    """A page of events ``e<id>``, the newer the higher their number."""
    dead = [dead_letter(place, reason, raw) for place, (reason, raw) in enumerate(rejected or [])]
    events = [event(f"e{number}", START_US + number * SECOND_US) for number in ids]
    made = page(number, events, rejected=dead, ends_pass=ends_pass, chain=chain, expected_total=ACCOUNTED)
    return replace(made, cursor=cursor, next_cursor=next_cursor)


def run_of(url: str, *pages: EventPage, stream: str = "events") -> None:
    """One run that commits these pages, each in a transaction of its own, and ends."""
    with run_writer(url, stream) as run:
        for one in pages:
            run.write(one)
        finish_run(run.connection, run.writer._run, "stopped", "SIGTERM", None, 0, 0)


def replay_all(url: str) -> None:
    with connected(url) as connection:
        hold = open_replay(connection, EVENTS, 60_000, "test", me=ELSEWHERE, alive=lambda _: False)
        replay_dead_letters(connection, hold, read_dead_letters_after(connection, Chosen(EVENTS), 0))
        finish_run(connection, hold, "complete", "replayed", None, 0, 0)


def make_sound(url: str) -> None:
    """Two runs and two chains of a full pass, dead letters and a replay, an incremental pass; every number is right."""
    usable = ("id_too_long", b'{"id":"replayed","timestamp":1700000003500}')
    dead = [usable, ("no_id", b'{"no":"id"}')]
    run_of(url, step(1, [8, 7], None, "c1", rejected=dead), step(2, [6, 5], "c1", "c2"))
    run_of(
        url,
        step(1, [4], "c2", "c3"),
        step(2, [8, 7], None, "d1", chain=2),
        step(3, [3, 2, 1], "d1", None, ends_pass="last_page", chain=2),
    )
    replay_all(url)
    # Rejected after the replay, though this version can read it: it is accounted for as it is.
    open_dead_letter = [("id_too_long", raw_event("acceptable"))]
    run_of(
        url,
        step(1, [10, 9], None, "f1", rejected=open_dead_letter),
        step(2, [8, 7], "f1", "f2", ends_pass="reached_known"),
    )
    assert_totals_balance(url)


def look(url: str, stream: str = "events") -> tuple[Facts, DeadLetters]:
    with snapshot(url) as connection:
        slice_ = find_slice(connection, stream, READER)
        assert slice_ is not None
        facts = read_facts(connection, slice_)
        return facts, look_through(connection, slice_, facts.events.recorded_ids)


def checks_of(url: str, remote_total: RemoteTotal | None = None, stream: str = "events") -> dict[str, Check]:
    return {check.name: check for check in check_all(*look(url, stream), remote_total)}


def failing(url: str, remote_total: RemoteTotal | None = None, stream: str = "events") -> set[str]:
    return {name for name, check in checks_of(url, remote_total, stream).items() if not check.holds}
