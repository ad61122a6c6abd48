"""Opens runs and writes batches without a crawl."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from datasync_spider.errors import FencedOff
from datasync_spider.items import EventPage
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.credential import NO_KEY, Credential
from datasync_spider.storage.batch import Batch, Committed, Counts
from datasync_spider.storage.connection import Connection, connect, connected
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.leases import Beat, renew_leases
from datasync_spider.storage.owner import Owner
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.registry import Slice, StreamSpec, find_slice
from datasync_spider.storage.runs import OpenRun, open_run
from datasync_spider.storage.statements import StreamTable
from datasync_spider.storage.writer import Writer
from tests.support.sources import READER, stream_spec

EVENTS = Slice(1, 1, "events", "{}", StreamTable("ingested_events"), READER)
"""As a new database has it."""

Rule = Literal["first", "last"]
"""What CONFLICT_RULE says."""

ELSEWHERE = Owner("elsewhere", "another boot", 4711, 1.0)


def by_rule(stream: str, rule: Rule) -> StreamSpec:
    return stream_spec(stream, is_mutable=rule == "last", keeps_history=True)


def open_test_run(
    url: str,
    stream: str | StreamSpec = "events",
    *,
    lease_ttl_ms: int = 60_000,
    me: Owner = ELSEWHERE,
    credential: Credential = NO_KEY,
    is_backfill: bool = False,
) -> OpenRun:
    spec = stream_spec(stream, credential=credential) if isinstance(stream, str) else stream
    with connected(url) as connection:
        return open_run(connection, spec, lease_ttl_ms, "test", is_backfill=is_backfill, me=me, alive=lambda _: False)


def slice_of(url: str, stream: str = "events", slice_name: str = "{}") -> Slice:
    with connected(url) as connection:
        found = find_slice(connection, stream, READER, slice_name)
    assert found is not None
    return found


def renew_lease(connection: Connection, run: OpenRun, retries: int = 0, waited_ms: int = 0) -> Closed:
    """What a heartbeat of this one run says. Raises FencedOff."""
    renewed = renew_leases(connection, [Beat(run, retries, waited_ms)])[run.run_id]
    if renewed.lease == "fenced":
        raise FencedOff(f"stream {run.slice} has been taken over")
    assert renewed.lease == "renewed"
    return renewed.closed


def no_totals() -> Counts:
    return Counts()


class RunWriter:
    """Writes one batch after the other, as the pipeline would with one connection."""

    def __init__(
        self,
        url: str,
        run: OpenRun,
        rejected_max_percent: float = 100,
        mode: CopyMode | None = None,
    ) -> None:
        self.connection = connect(url)
        self.run = run
        self.writer = Writer(run, mode, rejected_max_percent)
        self.preparer = Preparer()
        if run.resume.pass_since_us is not None:
            self.preparer.count_repeated()
        self._batches = 0

    def batch(self, *pages: EventPage) -> Batch:
        self._batches += 1
        return Batch(self._batches, [self.preparer.prepare(page) for page in pages])

    def write(self, *pages: EventPage) -> Committed:
        batch = self.batch(*pages)
        committed = self.writer.write(self.connection, batch, lambda: None, no_totals)
        self.preparer.forget(batch)
        return committed


@contextmanager
def run_writer(
    url: str,
    stream: str | StreamSpec = "events",
    rule: Rule = "first",
    rejected_max_percent: float = 100,
    mode: CopyMode | None = None,
    *,
    is_backfill: bool = False,
) -> Iterator[RunWriter]:
    spec = by_rule(stream, rule) if isinstance(stream, str) else stream
    writer = RunWriter(url, open_test_run(url, spec, is_backfill=is_backfill), rejected_max_percent, mode)
    try:
        yield writer
    finally:
        writer.connection.close()
