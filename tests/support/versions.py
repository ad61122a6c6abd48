"""Records in several versions, and where a mutable stream keeps them."""

from __future__ import annotations

from collections import Counter

from datasync_spider.records.event import Event
from datasync_spider.storage.registry import StreamSpec
from tests.support.database import rows
from tests.support.pages import event
from tests.support.runs import slice_of
from tests.support.sources import stream_spec

MUTABLE = stream_spec("things", is_mutable=True, version=("v",), keeps_history=True)


def version(event_id: str, number: int | str, more: str = "") -> Event:
    """In JSON; ``more`` goes into the payload as it is. No version says when it occurred."""
    return event(event_id, None, f'{{"id":"{event_id}","v":{number}{more}}}'.encode())


def stored(url: str, spec: StreamSpec = MUTABLE) -> dict[str, str]:
    """By id, the version of each row of the slice."""
    table = slice_of(url, spec.name, spec.slice).table
    return dict(_rows(url, table.name, table.slice_id))


def history(url: str, spec: StreamSpec = MUTABLE) -> Counter[tuple[str, str]]:
    """The same of the history."""
    table = slice_of(url, spec.name, spec.slice).table
    assert table.history is not None
    return Counter(_rows(url, table.history, table.slice_id))


def _rows(url: str, table: str, slice_id: int | None) -> list[tuple[str, str]]:
    whose = "" if slice_id is None else f" WHERE slice_id = {slice_id}"
    found = rows(url, f"SELECT event_id, payload->>'v' FROM {table}{whose}")
    return [(str(event_id), str(number)) for event_id, number in found]
