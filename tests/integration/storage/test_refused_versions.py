"""Versions of one event of which PostgreSQL refuses some: the bytes of each are kept, whatever was in flight."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event
from datasync_spider.storage.connection import connected
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.runs import finish_run
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import Rule, RunWriter, no_totals, run_writer
from tests.support.truth import assert_totals_balance
from tests.support.verifying import failing, replay_all

Timing = Callable[[str, Rule, Sequence[Event]], None]


def good(version: int, event_id: str = "x", time_us: int | None = 10) -> Event:
    return event(event_id, time_us, b'{"id":"%s","v":%d}' % (event_id.encode(), version))


def bad(version: int, event_id: str = "x", time_us: int | None = 10) -> Event:
    """PostgreSQL has no number of this size."""
    return event(event_id, time_us, b'{"id":"%s","v":%d,"n":1e400000}' % (event_id.encode(), version))


def _in_one_page(url: str, rule: Rule, versions: Sequence[Event]) -> None:
    with run_writer(url, rule=rule) as run:
        run.write(page(1, list(versions)))


def _in_one_batch(url: str, rule: Rule, versions: Sequence[Event]) -> None:
    with run_writer(url, rule=rule) as run:
        run.write(*(page(number, [version]) for number, version in enumerate(versions, 1)))


def _in_batches_in_flight(url: str, rule: Rule, versions: Sequence[Event]) -> None:
    with run_writer(url, rule=rule) as run:
        _write_together(run, [[page(number, [version])] for number, version in enumerate(versions, 1)])


def _in_batches_one_after_the_other(url: str, rule: Rule, versions: Sequence[Event]) -> None:
    with run_writer(url, rule=rule) as run:
        for number, version in enumerate(versions, 1):
            run.write(page(number, [version]))


def _in_runs(url: str, rule: Rule, versions: Sequence[Event]) -> None:
    for number, version in enumerate(versions, 1):
        with run_writer(url, rule=rule) as run:
            run.write(replace(page(number, [version]), number=1))
            _end(run)


def _end(run: RunWriter) -> None:
    with connected(run.connection.dsn) as connection:
        finish_run(connection, run.run, "stopped", "SIGTERM", None, 0, 0)


def _write_together(run: RunWriter, batches: Sequence[Sequence[EventPage]]) -> None:
    """All of them are prepared before the first one is committed."""
    prepared = [run.batch(*pages) for pages in batches]
    for batch in prepared:
        run.writer.write(run.connection, batch, lambda: None, no_totals)
        run.preparer.forget(batch)


TIMINGS = [_in_one_page, _in_one_batch, _in_batches_in_flight, _in_batches_one_after_the_other, _in_runs]
ASIDE = {"first": "event_conflicts", "last": "ingested_events__history"}
whenever = pytest.mark.parametrize("timing", TIMINGS)
by_any_rule = pytest.mark.parametrize("rule", ["first", "last"])


def _stored(url: str) -> list[str]:
    return [text for (text,) in rows(url, "SELECT payload->>'v' FROM ingested_events ORDER BY event_id")]


def _aside(url: str) -> list[str]:
    """Where the rule puts them, and nowhere else."""
    aside = [text for (text,) in rows(url, "SELECT payload->>'v' FROM event_conflicts ORDER BY conflict_id")]
    if value(url, "SELECT history_name FROM ingestion_streams WHERE name = 'events'") is None:
        return aside
    kept = rows(url, "SELECT payload->>'v' FROM ingested_events__history ORDER BY history_id")
    assert aside == []
    return [text for (text,) in kept]


def _dead_letters(url: str) -> list[bytes]:
    return [bytes(raw) for (raw,) in rows(url, "SELECT raw FROM rejected_events ORDER BY rejected_id")]


def _counted(url: str) -> tuple[int, int, int]:
    return rows(url, "SELECT sum(inserted)::int, sum(duplicates)::int, sum(rejected)::int FROM ingestion_runs")[0]


@whenever
@by_any_rule
def test_of_two_versions_that_postgresql_refuses_both_are_rejected_with_their_bytes(
    database_url: str, timing: Timing, rule: Rule
) -> None:
    timing(database_url, rule, [bad(1), bad(2, time_us=20)])
    assert _dead_letters(database_url) == [bad(1).payload, bad(2).payload]
    assert _counted(database_url) == (0, 0, 2)
    assert_totals_balance(database_url)
    assert failing(database_url) == set()


@whenever
@by_any_rule
def test_a_version_that_postgresql_refuses_beside_a_stored_one_is_rejected_with_its_bytes(
    database_url: str, timing: Timing, rule: Rule
) -> None:
    timing(database_url, rule, [good(1), bad(2, time_us=20)])
    assert (_stored(database_url), _aside(database_url)) == (["1"], [])
    assert _dead_letters(database_url) == [bad(2).payload]
    assert _counted(database_url) == (1, 0, 1)
    assert_totals_balance(database_url)
    # Accounted for twice, until a replay finds the event stored.
    assert failing(database_url) == {"stored_or_rejected"}
    replay_all(database_url)
    assert failing(database_url) == set()
    assert_totals_balance(database_url)
    assert _dead_letters(database_url) == [bad(2).payload]


@whenever
@by_any_rule
def test_a_version_behind_one_that_postgresql_refuses_is_stored(database_url: str, timing: Timing, rule: Rule) -> None:
    timing(database_url, rule, [bad(1), good(2, time_us=20)])
    assert (_stored(database_url), _aside(database_url)) == (["2"], [])
    assert _dead_letters(database_url) == [bad(1).payload]
    assert _counted(database_url) == (1, 0, 1)
    assert_totals_balance(database_url)
    assert failing(database_url) == {"stored_or_rejected"}
    replay_all(database_url)
    assert failing(database_url) == set()


@whenever
@pytest.mark.parametrize(("rule", "stored", "aside"), [("first", "2", "4"), ("last", "4", "2")])
def test_versions_that_postgresql_takes_are_resolved_by_the_rule_whatever_it_refuses_between_them(
    database_url: str, timing: Timing, rule: Rule, stored: str, aside: str
) -> None:
    versions = [bad(1), good(2, time_us=20), bad(3, time_us=30), good(4, time_us=40), bad(5, time_us=50)]
    timing(database_url, rule, versions)
    assert (_stored(database_url), _aside(database_url)) == ([stored], [aside])
    assert _dead_letters(database_url) == [bad(1).payload, bad(3).payload, bad(5).payload]
    assert _counted(database_url) == (1, 1, 3)
    assert_totals_balance(database_url)


@whenever
def test_the_same_bytes_are_rejected_once_however_often_they_come(database_url: str, timing: Timing) -> None:
    timing(database_url, "first", [bad(1), bad(1), bad(2), bad(2), bad(1)])
    assert _dead_letters(database_url) == [bad(1).payload, bad(2).payload]
    assert sum(_counted(database_url)) == 5
    assert value(database_url, "SELECT total_rejected FROM ingestion_state") == 2
    assert_totals_balance(database_url)
    _in_one_page(database_url, "first", [bad(2), bad(1), bad(2)])
    assert _dead_letters(database_url) == [bad(1).payload, bad(2).payload]
    assert_totals_balance(database_url)


@pytest.mark.parametrize("timing", [_in_one_batch, _in_batches_in_flight, _in_batches_one_after_the_other])
def test_each_page_has_the_counts_of_what_it_brought(database_url: str, timing: Timing) -> None:
    timing(database_url, "first", [bad(1), bad(2), good(3), good(3), bad(4), good(5)])
    ledger = rows(database_url, "SELECT inserted, duplicates, rejected FROM ingestion_pages ORDER BY page_number")
    assert ledger == [(0, 0, 1), (0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0)]


@whenever
def test_a_version_that_is_stored_in_anothers_place_widens_the_watermarks(database_url: str, timing: Timing) -> None:
    timing(database_url, "first", [bad(1, time_us=20), good(2, time_us=30), bad(3, "y", 20), good(4, "y", 10)])
    marks = rows(database_url, "SELECT newest_event_id, oldest_event_id FROM ingestion_state")
    assert marks == [("x", "y")]
    replay_all(database_url)
    assert failing(database_url) == set()


def test_replays_try_versions_of_one_event_again_and_keep_what_stays_refused(database_url: str) -> None:
    _in_one_page(database_url, "first", [bad(1), bad(2), bad(3, "y"), good(4)])
    replay_all(database_url)
    resolved = rows(database_url, "SELECT raw, replayed_at IS NOT NULL FROM rejected_events ORDER BY rejected_id")
    assert {bytes(raw): is_resolved for raw, is_resolved in resolved} == {
        bad(1).payload: True,
        bad(2).payload: True,
        bad(3, "y").payload: False,
    }
    assert_totals_balance(database_url)


@by_any_rule
@pytest.mark.parametrize("mode", [CopyMode(), CopyMode(expects_known=True)], ids=["straight", "probing"])
def test_no_version_is_lost_and_none_is_kept_twice_in_any_order(database_url: str, rule: Rule, mode: CopyMode) -> None:
    """Three hundred events, each with up to six versions, over pages and batches of any size, three in flight."""
    chance = random.Random(f"{rule} {mode.prefers_straight()}")
    served: list[Event] = []
    for number in range(300):
        for _ in range(chance.randint(1, 6)):
            make = chance.choice([good, bad])
            # The same version may come again.
            version = chance.randint(1, 4)
            served.append(make(version, f"e{number}", version * 10))
    chance.shuffle(served)
    with run_writer(database_url, rule=rule, mode=mode) as run:
        pages: list[EventPage] = []
        while served:
            size = chance.randint(1, 40)
            pages.append(page(len(pages) + 1, served[:size]))
            del served[:size]
        everything = [one for item in pages for one in item.events]
        while pages:
            batches = [pages[start : start + 2] for start in range(0, min(6, len(pages)), 2)]
            _write_together(run, batches)
            del pages[: sum(map(len, batches))]
    kept = rows(
        database_url,
        "SELECT event_id, (payload->>'v')::int FROM ingested_events"
        f" UNION ALL SELECT event_id, (payload->>'v')::int FROM {ASIDE[rule]}",
    )
    taken = {one.payload for one in everything if b"1e400000" not in one.payload}
    assert sorted(b'{"id":"%s","v":%d}' % (event_id.encode(), version) for event_id, version in kept) == sorted(taken)
    assert sorted(_dead_letters(database_url)) == sorted({one.payload for one in everything} - taken)
    assert sum(_counted(database_url)) == len(everything)
    assert value(database_url, "SELECT min(least(inserted, duplicates, rejected)) FROM ingestion_pages") == 0
    assert_totals_balance(database_url)
