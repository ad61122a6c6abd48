"""Rows of two slices in one table: COPY takes them, and gives back what each slice sent, to the last character."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from datasync_spider.records.event import Event
from datasync_spider.storage.connection import connect
from datasync_spider.storage.rows import CopyStream, Rows
from tests.support.database import execute_outside, rows

pytestmark = pytest.mark.usefixtures("each_way")

_SLICED = """
CREATE TABLE sliced (
    slice_id BIGINT NOT NULL, event_id TEXT NOT NULL, occurred_at TIMESTAMPTZ, payload JSONB NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (event_id, slice_id)
)"""
_IDS = ["b", "", "a", "é", "☃ \t\\ \n", "\U0001f600", "~" * 2_000, *(f"{number:04}" for number in range(2_500))]
# Midnight of 2000 is PostgreSQL's own zero, and the last one is before it.
_TIMES_US = [None, 946_684_800_000_000, 1_769_541_612_369_001, -1]


@pytest.fixture
def sliced_url(empty_database_url: str) -> str:
    execute_outside(empty_database_url, _SLICED)
    return empty_database_url


def _events(slice_id: int, event_ids: Sequence[str] = _IDS) -> list[Event]:
    """Some have no time, and each says in its payload whose it is."""
    times = (_TIMES_US[(place + slice_id) % len(_TIMES_US)] for place in range(len(event_ids)))
    return [
        Event(event_id, time_us, json.dumps({"of": slice_id, "id": event_id}).encode())
        for event_id, time_us in zip(event_ids, times, strict=True)
    ]


def _copy(url: str, slice_id: int, events: Sequence[Event]) -> None:
    """In two parts, as the pages of a batch are."""
    half = len(events) // 2
    parts = [Rows.of(events[:half]), Rows.of(events[half:])]
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY sliced (slice_id, event_id, occurred_at, payload) FROM STDIN (FORMAT binary)",
            CopyStream(parts, slice_id),
        )


def _stored(url: str) -> dict[tuple[int, str], tuple[int | None, Any]]:
    found = rows(
        url, "SELECT slice_id, event_id, (extract(epoch FROM occurred_at) * 1000000)::bigint, payload FROM sliced"
    )
    return {(slice_id, event_id): (time_us, payload) for slice_id, event_id, time_us, payload in found}


@pytest.mark.parametrize(
    "slice_ids", [(1, 2), (-1, 2**31 + 5), (-(2**63), 2**63 - 1)], ids=["small", "beyond 32 bits", "the ends"]
)
def test_rows_of_two_slices_are_read_back_as_they_were_sent(sliced_url: str, slice_ids: tuple[int, int]) -> None:
    sent = {}
    for slice_id in slice_ids:
        events = _events(slice_id)
        _copy(sliced_url, slice_id, events)
        for event in events:
            sent[slice_id, event.event_id] = (event.occurred_at_us, {"of": slice_id, "id": event.event_id})
    assert _stored(sliced_url) == sent


def test_an_id_is_taken_once_in_each_slice(sliced_url: str) -> None:
    for slice_id in (1, 2):
        _copy(sliced_url, slice_id, _events(slice_id, ["a"]))
    with pytest.raises(psycopg2.errors.UniqueViolation):
        _copy(sliced_url, 2, _events(2, ["b", "a"]))
    assert _stored(sliced_url).keys() == {(1, "a"), (2, "a")}


def test_a_slice_without_rows_is_a_copy_of_nothing(sliced_url: str) -> None:
    _copy(sliced_url, 1, [])
    assert _stored(sliced_url) == {}
