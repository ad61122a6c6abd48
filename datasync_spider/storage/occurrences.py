"""Counts dead letters without an id: which occurrence of its bytes a record is along its cursor chain.

Such records can be distinguished by nothing but their number, and are interchangeable for that very reason: what
matters is that as many are kept as the feed holds. A chain counts from 1, so one that goes over the same ground again
finds all of them kept. An incremental pass counts on from ``before``, the number of those that lie where it does not
go, or below what it finds known: of those that were kept when it began, all but the ones that stood at the very head of
the feed, before any record with an id.

A backfill counts from 1 in each chain, too, and beside the pass: what it has counted stands in columns of its own, and
what it has kept is not in ``before`` until a pass that began after it has ended. The pass meets the same records, and
numbers them as if none of them were kept yet.

Invariant: how far a chain has counted is written in the transaction that keeps what it has counted, under the batch's
turn, and is read nowhere else. ``before`` stays what it is for a whole pass.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from psycopg2.extras import execute_values

from datasync_spider.storage.connection import Connection
from datasync_spider.storage.ground import Ground, Progress
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_PAGE_SIZE_ROWS = 500


class _Seen(Struct):
    """How far a chain has counted the records of one digest; ``at_head``: so many stood before any id."""

    pass_number: int
    chain: int
    count: int
    at_head: int
    before: int


class Occurrences:
    """Of the digests of one batch."""

    def __init__(self, connection: Connection, run: OpenRun, progress: Progress, digests: Collection[bytes]) -> None:
        self._connection = connection
        self._run = run
        self._progress = progress
        self._seen = self._read(list(digests))
        self._before = self._kept_below()

    def has_met(self, digest: bytes, chain: int) -> bool:
        """Whether this chain has met such a record."""
        seen = self._seen.get(digest)
        return seen is not None and (seen.pass_number, seen.chain) == (self._run.resume.pass_number, chain)

    def meet(self, digest: bytes, chain: int, ground: Ground, *, at_head: bool) -> int | None:
        """Which one of its bytes the record is; None where it is one of those that were kept before the pass."""
        seen = self._entered(digest, chain)
        seen.at_head += at_head
        # Where nothing lies below, all that a chain meets are different records, wherever they stand.
        if seen.before and ground is Ground.KNOWN:
            return None
        seen.count += 1
        return seen.before + seen.count

    def save(self) -> None:
        """After the records that were met are kept."""
        slice_id, number = self._run.slice.slice_id, self._run.resume.pass_number
        rows = [
            (slice_id, digest, seen.pass_number, seen.chain, seen.count, seen.at_head, seen.before)
            for digest, seen in self._seen.items()
            if seen.pass_number == number
        ]
        with self._connection.cursor() as cursor:
            execute_values(cursor, statement("save_seen"), rows, page_size=_PAGE_SIZE_ROWS)

    def _entered(self, digest: bytes, chain: int) -> _Seen:
        number = self._run.resume.pass_number
        seen = self._seen.get(digest)
        if seen is None or seen.pass_number != number:
            seen = self._seen[digest] = _Seen(number, chain, 0, 0, self._before.get(digest, 0))
        elif seen.chain != chain:
            seen = self._seen[digest] = _Seen(number, chain, 0, 0, seen.before)
        return seen

    def _read(self, digests: list[bytes]) -> dict[bytes, _Seen]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement("read_seen"), {"slice_id": self._run.slice.slice_id, "digests": digests})
            # A row that no chain of this version has met is of no pass.
            return {bytes(digest): _Seen(*(value or 0 for value in seen)) for digest, *seen in cursor.fetchall()}

    def _kept_below(self) -> dict[bytes, int]:
        """``before`` of those digests that this pass has not met yet, where it is not 0."""
        resume = self._run.resume
        last_pass = resume.pass_number - 1
        fresh = {digest: seen for digest, seen in self._seen.items() if seen.pass_number != resume.pass_number}
        if not resume.stops_at_known or not fresh:
            return {}
        before: dict[bytes, int] = {}
        with self._connection.cursor() as cursor:
            kept_before = {"digests": list(fresh), "before": resume.known_before}
            cursor.execute(statement("count_kept"), {"slice_id": self._run.slice.slice_id, **kept_before})
            for found, kept in cursor.fetchall():
                seen = fresh[bytes(found)]
                if seen.pass_number == last_pass:
                    before[bytes(found)] = max(0, kept - seen.at_head)
                elif last_pass >= self._progress.counted_from_pass:
                    # The last pass began at the head as well, and did not meet it there.
                    before[bytes(found)] = kept
                # Else no one knows where they stood. All that are met may be the ones that are kept.
        return before


class BackfillOccurrences:
    """The same for a batch of a backfill: each chain of the run counts from 1, and nothing lies below."""

    def __init__(self, connection: Connection, run: OpenRun, digests: Collection[bytes]) -> None:
        self._connection = connection
        self._run = run
        chosen = {"slice_id": run.slice.slice_id, "run_id": run.run_id, "digests": list(digests)}
        with connection.cursor() as cursor:
            cursor.execute(statement("read_backfill_seen"), chosen)
            self._seen = {bytes(digest): (int(chain), int(count)) for digest, chain, count in cursor.fetchall()}

    def has_met(self, digest: bytes, chain: int) -> bool:
        """Whether this chain has met such a record."""
        return digest in self._seen and self._seen[digest][0] == chain

    def meet(self, digest: bytes, chain: int, ground: Ground, *, at_head: bool) -> int | None:
        """Which one of its bytes the record is, wherever it stands."""
        last_chain, count = self._seen.get(digest, (chain, 0))
        count = count + 1 if last_chain == chain else 1
        self._seen[digest] = (chain, count)
        return count

    def save(self) -> None:
        """After the records that were met are kept."""
        place = (self._run.slice.slice_id, self._run.run_id)
        rows = [(place[0], digest, place[1], chain, count) for digest, (chain, count) in self._seen.items()]
        with self._connection.cursor() as cursor:
            execute_values(cursor, statement("save_backfill_seen"), rows, page_size=_PAGE_SIZE_ROWS)
