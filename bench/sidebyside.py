"""The same batches into two tables, in turns, by the writer that a crawl has: of a stream without slices, and with.

``python -m bench.sidebyside DATABASE_URL TOTAL`` is a process of its own and prints what it took, as JSON.

Invariant: each batch goes to both before the next one is made, and every other time to the other one first, so that
whatever else the machine does meanwhile slows both alike. Only writing is counted, COMMIT included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from psycopg2 import sql

from bench.served import PROJECT
from bench.streams import READER, stream_spec
from datasync_spider.items import EventPage
from datasync_spider.records.page import Page
from datasync_spider.storage.batch import Batch, Counts
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.registry import StreamSpec
from datasync_spider.storage.runs import open_run
from datasync_spider.storage.statements import StreamTable
from datasync_spider.storage.writer import Writer
from mock_api.events import BLOCK_EVENTS, EventFactory

_PAGE_BLOCKS = 5
# What WRITE_BATCH_SIZE is by default.
_BATCH_PAGES = 5
_LEASE_TTL_MS = 3_600_000
_UNSLICED = stream_spec("unsliced")
_SLICED = stream_spec("sliced", '{"part":"1"}')


@dataclass(slots=True)
class Taken:
    """By the writing of all rows into one table; ``cpu_seconds`` are those of our process."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


def write_side_by_side(database_url: str, total: int) -> tuple[Taken, Taken]:
    """Without slices and with, by a process of its own. Raises RuntimeError where not all rows were stored."""
    command = [sys.executable, "-m", __name__, database_url, str(total)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError("the rows could not be written side by side; see above")
    unsliced, sliced = json.loads(done.stdout)
    return Taken(**unsliced), Taken(**sliced)


class _Subject:
    def __init__(self, connection: Connection, spec: StreamSpec) -> None:
        self._connection = connection
        run = open_run(connection, spec, _LEASE_TTL_MS, "bench")
        self._table = run.slice.table
        self._writer = Writer(run)
        self.taken = Taken()

    def write(self, batch: Batch) -> None:
        cpu, wall = time.process_time(), time.monotonic()
        self._writer.write(self._connection, batch, lambda: None, Counts)
        self.taken.seconds += time.monotonic() - wall
        self.taken.cpu_seconds += time.process_time() - cpu

    def check(self, total: int) -> None:
        found = _count(self._connection, self._table)
        if found != total:
            raise RuntimeError(f"{self._table} holds {found} rows of {total}")


def _count(connection: Connection, table: StreamTable) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table.identifier))
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _subjects(database_url: str) -> Iterator[list[_Subject]]:
    with connected(database_url) as one, connected(database_url) as other:
        yield [_Subject(one, _UNSLICED), _Subject(other, _SLICED)]


def _pages(total: int) -> Iterator[EventPage]:
    """The mock's feed, from its newest event on."""
    factory = EventFactory(seed=1)
    blocks = range(total // BLOCK_EVENTS - 1, -1, -1)
    for number, start in enumerate(range(0, len(blocks), _PAGE_BLOCKS), 1):
        some = blocks[start : start + _PAGE_BLOCKS]
        events = b",".join(factory.block(block).data for block in some)
        records, _ = READER.split(b'{"data":[%b]}' % events)
        assert records is not None
        answered = Page(records, READER, str(number), has_more=True)
        cursor = str(number - 1) if number > 1 else None
        yield EventPage(number, 1, cursor, str(number), len(records), answered, answered, fetched_at=time.time())


def _batches(total: int) -> Iterator[Batch]:
    preparer = Preparer()
    batch = Batch(1)
    for page in _pages(total):
        batch.pages.append(preparer.prepare(page))
        if len(batch.pages) == _BATCH_PAGES:
            yield batch
            preparer.forget(batch)
            batch = Batch(batch.number + 1)
    if batch.pages:
        yield batch


def _main(database_url: str, total: int) -> None:
    with _subjects(database_url) as subjects:
        for batch in _batches(total):
            for subject in subjects if batch.number % 2 else reversed(subjects):
                subject.write(batch)
        for subject in subjects:
            subject.check(total)
    print(json.dumps([asdict(subject.taken) for subject in subjects]))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
