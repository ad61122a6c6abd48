"""Full passes of streams that declare deletions, and what is marked in their tables."""

from __future__ import annotations

from collections.abc import Sequence

from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.registry import Deletions, StreamSpec
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import run_writer, slice_of
from tests.support.sources import stream_spec

THINGS = stream_spec("things", order="none", is_incremental=False, deletions=Deletions())


def made(events: Sequence[str | Event]) -> list[Event]:
    return [one if isinstance(one, Event) else event(one) for one in events]


def sync(
    url: str,
    *pages: Sequence[str | Event],
    spec: StreamSpec = THINGS,
    total: int | None = None,
    rejected: Sequence[RejectedEvent] = (),
) -> str:
    """A whole pass, or the rest of one, a batch for each page. Gives the run's detail.

    ``rejected`` stand on the first page. A pass that is open goes on.
    """
    with run_writer(url, spec) as run:
        for number, events in enumerate(pages, 1):
            ends = "last_page" if number == len(pages) else None
            first = list(rejected) if number == 1 else None
            run.write(page(number, made(events), ends_pass=ends, expected_total=total, rejected=first))
    return str(value(url, "SELECT detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"))


def part(url: str, *pages: Sequence[str | Event], spec: StreamSpec = THINGS, total: int | None = None) -> None:
    """The first pages of a pass, whose process then dies."""
    with run_writer(url, spec) as run:
        for number, events in enumerate(pages, 1):
            run.write(page(number, made(events), expected_total=total))


def deleted(url: str, spec: StreamSpec = THINGS) -> set[str]:
    """The ids of the slice that are marked."""
    table = slice_of(url, spec.name, spec.slice).table
    whose = "true" if table.slice_id is None else f"slice_id = {table.slice_id}"
    return {name for (name,) in rows(url, f"SELECT event_id FROM {table} WHERE deleted_at IS NOT NULL AND {whose}")}


def recorded(url: str, spec: StreamSpec = THINGS) -> int:
    """How many the slice's row says are marked."""
    slice_id = slice_of(url, spec.name, spec.slice).slice_id
    return int(value(url, f"SELECT total_unseen FROM ingestion_state WHERE id = {slice_id}"))
