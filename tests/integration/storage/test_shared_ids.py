"""Two streams of one database: what one has stored is neither known to the other nor replaced by it, and is counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from datasync_spider.api.event import RejectedEvent
from datasync_spider.deadletters.replaying import rehearse, replay
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.conflicts import ConflictRule
from datasync_spider.storage.connect import connected
from datasync_spider.storage.copymode import CopyMode
from datasync_spider.storage.deadletters import Chosen
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.runs import finish_run
from datasync_spider.storage.sharedids import find_shared
from tests.support.database import execute_outside, rows, value
from tests.support.letters import raw_event
from tests.support.pages import event, page
from tests.support.runs import no_totals, run_writer

IDS = [f"evt-{n:02}" for n in range(20)]


def crawled(
    url: str, stream: str, event_ids: Sequence[str], rule: ConflictRule = "first", mode: CopyMode | None = None
) -> Committed:
    """A whole pass of two pages; the events of each stream have a content of their own, later ones of ``late``."""
    us = 1_800_000_000_000_000 if stream == "late" else 1_700_000_000_000_000
    events = [event(event_id, us, b'{"of":"%s"}' % stream.encode()) for event_id in event_ids]
    half = len(events) // 2
    with run_writer(url, stream, rule, mode=mode) as run:
        first = run.write(page(1, events[:half]), page(2, events[half:], ends_pass="last_page"))
        finish_run(run.connection, run.run, "stopped", "SIGTERM", None, 0, 0)
    return first


def shared(url: str, stream: str, event_ids: Sequence[str] = IDS) -> set[str]:
    with connected(url) as connection:
        return find_shared(connection, stream, event_ids)


def known(url: str, stream: str, event_ids: list[str]) -> bool:
    with connected(url) as connection:
        before = value(url, "SELECT now()")
        return is_known_entirely(connection, stream, page(9, [event(event_id) for event_id in event_ids]), before)


def pass_of(url: str, stream: str) -> tuple[str, int]:
    return rows(url, "SELECT pass_status, pass_shared FROM ingestion_state WHERE stream = %s", (stream,))[0]


@pytest.mark.parametrize("rule", ["first", "last"])
@pytest.mark.parametrize(("first", "second"), [("events", "late"), ("a", "late"), ("b", "events")])
@pytest.mark.parametrize("overlap", [20, 7])
def test_the_stream_that_comes_second_is_not_complete_and_changes_no_row_of_the_first(
    database_url: str, rule: ConflictRule, first: str, second: str, overlap: int
) -> None:
    assert crawled(database_url, first, IDS).run_status == "complete"
    own = [f"own-{n}" for n in range(20 - overlap)]
    ended = crawled(database_url, second, [*IDS[:overlap], *own], rule)
    assert (ended.run_status, ended.conflicts) == ("incomplete", 0)
    assert f"{overlap} events came with an id that another stream of this database has stored ({first})" in str(
        ended.detail
    )
    assert pass_of(database_url, second) == ("short", overlap)
    kept = rows(database_url, "SELECT payload->>'of', count(*) FROM ingested_events GROUP BY 1 ORDER BY 2")
    assert dict(kept) == {first: 20, **({second: 20 - overlap} if overlap < 20 else {})}
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0
    booked = value(database_url, "SELECT sum(total_ingested) FROM ingestion_state")
    assert booked == value(database_url, "SELECT count(*) FROM ingested_events") == 40 - overlap


def test_a_full_pass_after_it_finds_the_same_and_the_first_stream_stays_complete(database_url: str) -> None:
    crawled(database_url, "a", IDS)
    crawled(database_url, "b", IDS)
    assert crawled(database_url, "b", IDS).run_status == "incomplete"
    assert crawled(database_url, "a", IDS).run_status == "complete"
    assert (pass_of(database_url, "a"), pass_of(database_url, "b")) == (("complete", 0), ("short", 20))


@pytest.mark.parametrize("probing", [True, False])
def test_ids_that_the_other_stream_stored_meanwhile_are_met_by_a_copy(database_url: str, *, probing: bool) -> None:
    with run_writer(database_url, "a") as a, run_writer(database_url, "b", mode=CopyMode()) as b:
        a.write(page(1, IDS[:10]))
        if not probing:
            b.write(page(1, ["b"]))
        number = 1 if probing else 2
        assert b.write(page(number, IDS[:10])).duplicates == 10
        b.write(page(number + 1, [*IDS[5:15]]))
        ended = a.write(page(2, IDS[10:], ends_pass="last_page"))
    assert ended.run_status == "incomplete"
    assert pass_of(database_url, "b") == ("open", 15)
    assert pass_of(database_url, "a") == ("short", 5)


def test_a_run_that_goes_on_knows_what_the_pass_has_met_before(database_url: str) -> None:
    crawled(database_url, "a", IDS)
    with run_writer(database_url, "b") as run:
        run.write(page(1, IDS[:10]))
    with run_writer(database_url, "b") as run:
        ended = run.write(page(1, ["new"], ends_pass="last_page"))
    assert ended.run_status == "incomplete"
    assert "10 events came with an id" in str(ended.detail)


def test_what_another_stream_stored_is_no_known_ground(database_url: str) -> None:
    crawled(database_url, "a", IDS)
    crawled(database_url, "b", ["b-1", "b-2", "b-3"])
    assert not known(database_url, "b", IDS[:3])
    assert not known(database_url, "b", ["b-1", IDS[0]])
    assert known(database_url, "b", ["b-1", "b-2"])
    assert known(database_url, "a", IDS[:3])
    assert not known(database_url, "a", ["b-1"])


@pytest.mark.parametrize(("adopting", "other"), [("events", "b"), ("b", "events")])
def test_rows_from_before_any_run_are_those_of_the_adopted_stream(database_url: str, adopting: str, other: str) -> None:
    execute_outside(
        database_url,
        "INSERT INTO ingested_events (event_id, payload, ingested_at) VALUES ('old', '{}', now() - interval '1 day');"
        "UPDATE ingestion_state SET total_ingested = 1 WHERE stream = 'events'",
    )
    crawled(database_url, other, ["other"])
    crawled(database_url, adopting, ["mine"])
    assert shared(database_url, "events", ["old"]) == set()
    assert shared(database_url, "b", ["old"]) == {"old"}


@pytest.mark.parametrize("deleted", ["false", "stream = 'a'", "true"])
def test_streams_with_different_ids_never_share_one_also_after_replays_and_without_old_pages(
    database_url: str, deleted: str
) -> None:
    for stream in ("events", "a", "b"):
        crawled(database_url, stream, [f"{stream}-{n}" for n in range(10)])
        _leave_letter(database_url, stream, f"{stream}-letter")
        replay(database_url, Chosen(stream), "first", 60_000, 300.0)
    execute_outside(database_url, f"DELETE FROM ingestion_pages WHERE {deleted}")
    for stream in ("events", "a", "b"):
        own = [f"{stream}-{n}" for n in range(10)] + [f"{stream}-letter"]
        assert shared(database_url, stream, own) == set()
        assert known(database_url, stream, own)
        for other in {"events", "a", "b"} - {stream}:
            assert shared(database_url, other, own) == set(own)
        assert crawled(database_url, stream, own).run_status == "complete"


def _leave_letter(url: str, stream: str, event_id: str) -> None:
    with run_writer(url, stream) as run:
        run.write(page(1, [], rejected=[RejectedEvent(0, "no_id", raw_event(event_id))], ends_pass="reached_known"))
        finish_run(run.connection, run.run, "stopped", "SIGTERM", None, 0, 0)


@pytest.mark.parametrize("rule", ["first", "last"])
def test_a_replay_settles_no_letter_by_another_streams_row(database_url: str, rule: ConflictRule) -> None:
    crawled(database_url, "a", IDS)
    _leave_letter(database_url, "b", IDS[0])
    tried = rehearse(database_url, Chosen("b"))
    replayed = replay(database_url, Chosen("b"), rule, 60_000, 300.0)
    for totals in (tried, replayed):
        assert (totals.settled, dict(totals.refused)) == (0, {"shared_id": 1})
    assert value(database_url, "SELECT payload->>'of' FROM ingested_events WHERE event_id = %s", (IDS[0],)) == "a"
    assert value(database_url, "SELECT count(*) FROM rejected_events WHERE replayed_at IS NULL") == 1


def test_of_two_versions_in_flight_neither_replaces_another_streams_row(database_url: str) -> None:
    crawled(database_url, "a", IDS)
    late = event(IDS[0], 1_800_000_000_000_000, b'{"of":"late"}')
    later = event(IDS[0], 1_900_000_000_000_000, b'{"of":"later"}')
    with run_writer(database_url, "b", "last") as run:
        first = run.batch(page(1, [late]))
        second = run.batch(page(2, [later], ends_pass="last_page"))
        for batch in (first, second):
            run.writer.write(run.connection, batch, lambda: None, no_totals)
    assert value(database_url, "SELECT payload->>'of' FROM ingested_events WHERE event_id = %s", (IDS[0],)) == "a"
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0


def test_a_stream_alone_in_its_database_looks_nothing_up(database_url: str) -> None:
    crawled(database_url, "events", IDS)
    assert crawled(database_url, "events", IDS).run_status == "complete"
    assert shared(database_url, "events") == set()
