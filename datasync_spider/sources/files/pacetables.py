"""Reads how fast a source may be asked, how long an answer may take, and how often it is asked for again.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, duration, header_name, path, positive_number, whole_number
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.spec import Budget, WaitUnit

# As of the settings that they stand for.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 3_600.0
_MOST_RETRIES = 1_000
_SHORTEST_EVERY_SECONDS, _LONGEST_EVERY_SECONDS = 1.0, 366 * 86_400.0
_MOST_AT_ONCE = 1_000
_UNITS: tuple[WaitUnit, ...] = ("auto", "s", "ms", "epoch-s", "epoch-ms", "iso", "http-date")
_BUDGET = "a table such as { requests = 100, seconds = 60 }"


def read_timeout(table: Table) -> float | None:
    """Seconds; None where nothing is said."""

    def read(value: Any) -> float:
        seconds = duration().read(value)
        if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
            raise ValueError("it is out of range")
        return seconds

    return table.take("timeout", Kind(read, 'a number of seconds from 0.1 to 3,600, or a text such as "30s"'), None)


def read_retries(table: Table) -> int | None:
    """None where nothing is said."""
    return table.take("retries", whole_number(0, _MOST_RETRIES), None)


def read_every(table: Table) -> float | None:
    """Seconds from one sync to the next; None where nothing is said."""

    def read(value: Any) -> float:
        seconds = duration().read(value)
        if not _SHORTEST_EVERY_SECONDS <= seconds <= _LONGEST_EVERY_SECONDS:
            raise ValueError("it is out of range")
        return seconds

    return table.take("every", Kind(read, 'a number of seconds from 1, or a text such as "5m", "1h" or "1d"'), None)


def read_budget(table: Table) -> Budget | None:
    """None where nothing is said."""
    inner = table.table("budget", keys.BUDGET, _BUDGET)
    if inner is None:
        return None
    for key, other in (("requests", "seconds"), ("seconds", "requests")):
        if key in inner and other not in inner:
            inner.note(other, f"is missing beside {key}; allowed: both or neither")
    if list(inner) == ["unit"]:
        inner.note("unit", "stands alone; allowed: beside reset, retry_after, poll_interval or body_wait")
    return Budget(
        requests=inner.take("requests", whole_number(1), None),
        seconds=inner.take("seconds", positive_number(), None),
        concurrency=inner.take("concurrency", whole_number(1, _MOST_AT_ONCE), None),
        limit=inner.take("limit", header_name(), None),
        remaining=inner.take("remaining", header_name(), None),
        reset=inner.take("reset", header_name(), None),
        retry_after=inner.take("retry_after", header_name(), None),
        poll_interval=inner.take("poll_interval", header_name(), None),
        unit=inner.take("unit", choice(_UNITS), "auto"),
        body_wait=inner.take("body_wait", path(), None),
    )
