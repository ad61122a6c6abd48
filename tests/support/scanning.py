"""The compiled reading of the DataSync API's pages, for tests that need some page's events."""

from __future__ import annotations

import functools

from datasync_spider.records import compiled


@functools.cache
def scanner() -> compiled.Scanner:
    """Only where there is the compiled module."""
    return compiled.Scanner(
        records=[["data"], ["events"]],
        ids=[["id"], ["eventId"], ["event_id"]],
        times=[["timestamp"], ["occurredAt"], ["occurred_at"]],
    )


def split(text: bytes) -> tuple[compiled.Events, int, int] | None:
    return scanner().split(text)
