"""Batches of one slice beside another one with the same ids: each way of writing knows its own rows and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.records.event import Event
from datasync_spider.storage.connection import connected
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.runs import open_run
from tests.support.database import execute_outside, rows
from tests.support.pages import event, page
from tests.support.runs import ELSEWHERE, RunWriter
from tests.support.sources import stream_spec

_ONE, _OTHER = '{"shop":"one"}', '{"shop":"other"}'
_IDS = [f"{number:04}" for number in range(1_500)]
_NOTE_WRITES = """
CREATE TABLE public.written (by TEXT);
CREATE FUNCTION public.note_write() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.written VALUES (split_part(current_query(), ' ', 1)); RETURN NULL; END $$;
CREATE TRIGGER note_write AFTER INSERT ON datasync__orders FOR EACH STATEMENT EXECUTE FUNCTION public.note_write()
"""
# Text that JSON allows and PostgreSQL's jsonb does not: COPY is refused, and the batch is merged.
_REFUSED = event("refused", payload=b'{"id":"refused","text":"\\u0000"}')


def _straight() -> CopyMode:
    return CopyMode()


def _probing() -> CopyMode:
    return CopyMode(expects_known=True)


def _staging() -> CopyMode:
    mode = CopyMode(expects_known=True)
    mode.split(rows=1, known=1)
    return mode


def _writer(url: str, slice_name: str, mode: CopyMode | None = None) -> RunWriter:
    with connected(url) as connection:
        spec = stream_spec("orders", slice_name)
        run = open_run(connection, spec, 60_000, "test", me=ELSEWHERE, alive=lambda _: False)
    return RunWriter(url, run, mode=mode)


def _whole(writer: RunWriter, *pages: list[Event]) -> tuple[int, int, int]:
    """Inserted, duplicates, rejected; and the connection is closed."""
    try:
        committed = writer.write(*(page(number, events) for number, events in enumerate(pages, 1)))
        return committed.counts.inserted, committed.counts.duplicates, committed.counts.rejected
    finally:
        writer.connection.close()


def _stored(url: str) -> list[tuple[Any, ...]]:
    return rows(
        url,
        "SELECT slice, event_id, payload FROM datasync__orders JOIN ingestion_state AS slice ON slice.id = slice_id"
        " ORDER BY slice, event_id",
    )


def _written_by(url: str) -> set[str]:
    """The first words of the statements that have written since the writes were noted."""
    return {by for (by,) in rows(url, "SELECT DISTINCT by FROM written")}


def _as_stored(slice_name: str, event_ids: list[str]) -> list[tuple[Any, ...]]:
    return [(slice_name, event_id, {"id": event_id}) for event_id in event_ids]


@pytest.mark.parametrize("mode", [_straight, _probing, _staging])
@pytest.mark.parametrize("refused", [[], [_REFUSED]], ids=["all taken", "one refused"])
def test_ids_of_another_slice_are_new_to_this_one(
    database_url: str, mode: Callable[[], CopyMode], refused: list[Event]
) -> None:
    events = [event(event_id) for event_id in _IDS]
    assert _whole(_writer(database_url, _ONE), events[:1_000]) == (1_000, 0, 0)
    execute_outside(database_url, _NOTE_WRITES)
    found = _whole(_writer(database_url, _OTHER, mode()), events[:700], events[700:] + refused)
    assert found == (1_500, 0, len(refused))
    assert _written_by(database_url) == ({"WITH"} if refused else {"COPY"})
    assert _stored(database_url) == _as_stored(_ONE, _IDS[:1_000]) + _as_stored(_OTHER, _IDS)


@pytest.mark.parametrize("mode", [_straight, _probing, _staging])
@pytest.mark.parametrize("refused", [[], [_REFUSED]], ids=["all taken", "one refused"])
def test_ids_of_the_slice_itself_are_known(
    database_url: str, mode: Callable[[], CopyMode], refused: list[Event]
) -> None:
    events = [event(event_id) for event_id in _IDS]
    for slice_name, known in ((_ONE, events), (_OTHER, events[::3])):
        assert _whole(_writer(database_url, slice_name), known) == (len(known), 0, 0)
    execute_outside(database_url, _NOTE_WRITES)
    found = _whole(_writer(database_url, _OTHER, mode()), events[:700], events[700:] + refused)
    assert found == (1_000, 500, len(refused))
    assert _written_by(database_url) == ({"WITH"} if refused else {"COPY"})
    assert _stored(database_url) == _as_stored(_ONE, _IDS) + _as_stored(_OTHER, _IDS)
