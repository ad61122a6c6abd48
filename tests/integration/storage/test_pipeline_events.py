"""What an item pipeline makes of an event is stored, or rejected with a reason: it takes no other one down."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.records.event import Event
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import run_writer
from tests.support.truth import assert_totals_balance
from tests.support.verifying import failing, replay_all

YEAR_0_US = -62_135_596_800_000_001
YEAR_10000_US = 253_402_300_800_000_000
FAR_US = 2**63


def made(event_id: Any = "made", time_us: Any = 10, payload: bytes = b'{"id":"made"}') -> Event:
    return Event(event_id, time_us, payload)


FAULTS = {
    "a NUL in the id": (made("a\0b"), "id_nul"),
    "an empty id": (made(""), "id_empty"),
    "an invisible id": (made(" \u200b\n"), "id_empty"),
    "a long id": (made("x" * 1001), "id_too_long"),
    "an id of many bytes": (made("é" * 501), "id_too_long"),
    "half a surrogate pair": (made("a\ud800"), "lone_surrogate"),
    "a number for an id": (made(7), "id_wrong_type"),
    "bytes for an id": (made(b"made"), "id_wrong_type"),
    "no id": (made(None), "id_wrong_type"),
    "a time before all years": (made(time_us=YEAR_0_US), "time_out_of_range"),
    "a time after all years": (made(time_us=YEAR_10000_US), "time_out_of_range"),
    "a time of more than 64 bits": (made(time_us=FAR_US), "time_out_of_range"),
    "a fraction for a time": (made(time_us=1.7e15), "time_wrong_type"),
    "a text for a time": (made(time_us="2026-11-26T09:00:00Z"), "time_wrong_type"),
    "a truth for a time": (made(time_us=True), "time_wrong_type"),
    "no JSON": (made(payload=b"{"), "refused_by_postgresql_22p02"),
    "nothing": (made(payload=b""), "refused_by_postgresql_22p02"),
    "a NUL in a text": (made(payload=b'"\\u0000"'), "refused_by_postgresql_22p05"),
    "a NUL in the bytes": (made(payload=b'"\0"'), "refused_by_postgresql_22021"),
    "no UTF-8": (made(payload=b'"\xff"'), "refused_by_postgresql_22021"),
    "half a character": (made(payload=b'"\\ud800"'), "refused_by_postgresql_22p02"),
    "a large number": (made(payload=b"1e400000"), "refused_by_postgresql_22003"),
    "a deep payload": (made(payload=b"[" * 100_000 + b"]" * 100_000), "refused_by_postgresql_54001"),
}


# The newest and the oldest event of a page become watermarks, before PostgreSQL has said a word about them.
@pytest.mark.parametrize("neighbours_us", [(30, 20), (5, 4), (15, 5)], ids=["oldest", "newest", "between"])
@pytest.mark.parametrize(("bad", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_that_a_pipeline_made_costs_its_event_and_no_other(
    database_url: str, bad: Event, reason: str, neighbours_us: tuple[int, int]
) -> None:
    before, after = (event(f"e{time_us}", time_us) for time_us in neighbours_us)
    with run_writer(database_url) as run:
        committed = run.write(page(1, [before, bad, after]), page(2, ["next"]))
    assert (
        committed.counts.inserted,
        committed.counts.duplicates,
        committed.counts.rejected,
        committed.counts.filtered,
    ) == (3, 0, 1, 0)
    dead_letters = rows(database_url, "SELECT reason, position, raw FROM rejected_events")
    assert [(slug, position, bytes(raw)) for slug, position, raw in dead_letters] == [(reason, -1, bad.payload)]
    assert value(database_url, "SELECT detail FROM rejected_events")
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 3
    assert_totals_balance(database_url)
    assert failing(database_url) == set()


def test_the_outermost_times_and_ids_that_can_be_stored_are(database_url: str) -> None:
    events = [
        made("first", YEAR_0_US + 1),
        made("last", YEAR_10000_US - 1),
        made("é" * 500, None),
        made(" x"),
        made("\x1f\ue000"),
    ]
    with run_writer(database_url) as run:
        assert run.write(page(1, events)).counts.inserted == len(events)
    assert rows(database_url, "SELECT oldest_event_id, newest_event_id FROM ingestion_state") == [("first", "last")]


def test_what_was_rejected_for_a_pipelines_id_is_stored_by_a_replay_under_the_one_that_the_api_gave(
    database_url: str,
) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [made("a\0b")]))
    replay_all(database_url)
    assert rows(database_url, "SELECT event_id FROM ingested_events") == [("made",)]
    assert_totals_balance(database_url)
    assert failing(database_url) == set()
