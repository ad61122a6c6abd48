from __future__ import annotations

from pathlib import Path

from bench.limits.rows import prepare_rows
from mock_api.events import EventFactory


def test_the_prepared_rows_are_the_feeds_events_once_each(tmp_path: Path) -> None:
    total = 2_500
    paths = prepare_rows(tmp_path / "rows", total, parts=2)
    rows = [line.split(b"\t") for path in paths for line in path.read_bytes().splitlines()]
    factory = EventFactory(1)
    payloads = {row[0]: row[2].replace(b"\\\\", b"\\") for row in rows}
    assert len(rows) == len(payloads) == total
    for age in (0, 999, 1_000, total - 1):
        event = factory.event(age)
        assert payloads[event[7:43]] == event


def test_the_time_of_a_row_is_the_events(tmp_path: Path) -> None:
    (path,) = prepare_rows(tmp_path / "rows", 1_000, parts=1)
    last = path.read_bytes().splitlines()[-1].split(b"\t")
    # Age 0 is the oldest event, and it happened within the first step of 2025.
    assert last[1].startswith(b"2025-01-01T00:00:00")
    assert last[1].endswith(b"+00:00")
