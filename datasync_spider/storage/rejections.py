"""Writes dead letters: the raw bytes of events that cannot be stored, each once.

A dead letter with an id is the same one wherever it is met, but for those of one page, which are occurrences of the
same bytes: all of them are kept. One without an id is counted along its cursor chain
(:mod:`datasync_spider.storage.occurrences`).

Invariant: called inside the writer's transaction, after its turn has come. Reading a page again adds nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace
from psycopg2.extras import execute_values

from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.batch import Batch, Outcome, PreparedPage
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.ground import Ground, GroundOfChain, Known, find_known, read_progress
from datasync_spider.storage.occurrences import BackfillOccurrences, Occurrences
from datasync_spider.storage.pagerecords import RejectedRecord
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_PAGE_SIZE_ROWS = 500

_Row = tuple[int, str, int, int, int, str, str | None, bytes, bytes, int]


def digest(raw: bytes) -> bytes:
    """What identifies a dead letter: its content, since it has no usable id."""
    return hashlib.sha256(raw).digest()


class _DeadLetter(Struct, frozen=True):
    """``event_id`` is None where none can be read."""

    event: RejectedEvent
    event_id: str | None
    digest: bytes


class _PageDeadLetters(Struct, frozen=True):
    """A page's records in its order: ids of events, and rejected ones. ``refused``: what PostgreSQL did not take.

    ``records`` is empty where all of them are rows, and it does not matter which.
    """

    page: PreparedPage
    records: Sequence[str | _DeadLetter]
    refused: Sequence[_DeadLetter]

    @property
    def has_ids(self) -> bool:
        """Whether any record of the page has one."""
        if self.records:
            return any(isinstance(record, str) or record.event_id is not None for record in self.records)
        return len(self.page.rows) > 0

    @property
    def dead_letters(self) -> list[_DeadLetter]:
        return [*(record for record in self.records if isinstance(record, _DeadLetter)), *self.refused]


def insert_rejected(
    connection: Connection,
    run: OpenRun,
    batch: Batch,
    outcome: Outcome,
) -> Outcome:
    """Keeps the batch's rejected events. ``outcome``: what became of its rows; gives it with what became of these."""
    is_incremental = run.resume.stops_at_known
    if is_incremental and all(page.page.is_stored for page in batch.pages):
        # Before the pass, by the look that says so, and there is no dead letter among them.
        return replace(outcome, ground=Ground.KNOWN)
    pages = [_page_dead_letters(page, is_incremental, outcome) for page in batch.pages]
    nameless = {entry.digest for page in pages for entry in page.dead_letters if entry.event_id is None}
    if not nameless and not is_incremental:
        return _insert(connection, list(_of_pages(run, pages)), _ground_of_last_chain(pages), outcome)
    return _Counting(connection, run, pages, nameless).insert(outcome)


class _Counting:
    """Goes through a batch's records where it matters how they stand to each other."""

    def __init__(
        self, connection: Connection, run: OpenRun, pages: Sequence[_PageDeadLetters], nameless: set[bytes]
    ) -> None:
        self._connection = connection
        self._run = run
        self._pages = pages
        progress = read_progress(connection, run.slice)
        self._chain_ground = GroundOfChain(progress)
        self._known = self._find_known()
        self._occurrences: Occurrences | BackfillOccurrences | None = None
        if nameless and run.is_backfill:
            self._occurrences = BackfillOccurrences(connection, run, nameless)
        elif nameless:
            self._occurrences = Occurrences(connection, run, progress, nameless)

    def insert(self, outcome: Outcome) -> Outcome:
        rows: list[_Row] = []
        for page in self._pages:
            self._chain_ground.enter(page.page.page.chain)
            rows += self._through(page)
        kept = _insert(self._connection, rows, self._chain_ground.ground, outcome)
        if self._occurrences is not None:
            self._occurrences.save()
        return kept

    def _find_known(self) -> Known:
        run = self._run
        if not run.resume.stops_at_known:
            return Known()
        unsure = [
            page for page in self._pages if self._chain_ground.ground_of(page.page.page.chain) is not Ground.KNOWN
        ]
        event_ids = {record for page in unsure for record in page.records if isinstance(record, str)}
        named = [entry for page in unsure for entry in page.dead_letters if entry.event_id is not None]
        digests = {entry.digest for entry in named}
        known = find_known(self._connection, run.slice, run.resume.known_before, event_ids, digests)
        # What PostgreSQL refuses stands among the page's events by its id.
        refused = [entry for page in unsure for entry in page.refused if entry.digest in known.digests]
        known.event_ids |= {entry.event_id for entry in refused if entry.event_id is not None}
        return known

    def _is_known(self, record: str | _DeadLetter) -> bool:
        return record in self._known.event_ids if isinstance(record, str) else record.digest in self._known.digests

    def _through(self, page: _PageDeadLetters) -> Iterator[_Row]:
        chain_ground = self._chain_ground
        if not page.records and page.has_ids:
            chain_ground.meet(is_known=False)
        skipped = self._met_before(page)
        in_order, repeated = _places(page)
        at_start = chain_ground.ground
        # Where no one knows the places, all may stand below what is known.
        hidden = Ground.KNOWN if not in_order and any(map(self._is_known, page.records)) else at_start
        counts: Counter[bytes] = Counter()
        for place, record in enumerate(page.records):
            if isinstance(record, str) or record.event_id is not None:
                chain_ground.meet(is_known=self._is_known(record))
            if isinstance(record, str):
                continue
            if record.event_id is not None:
                counts[record.digest] += 1
                yield _row(self._run, page, record, counts[record.digest])
                continue
            assert self._occurrences is not None
            if record.digest in skipped or place < repeated:
                continue
            ground, above = (chain_ground.ground, chain_ground.ground) if in_order else (hidden, at_start)
            at_head = above is Ground.HEAD
            occurrence = self._occurrences.meet(record.digest, page.page.page.chain, ground, at_head=at_head)
            if occurrence is not None:
                yield _row(self._run, page, record, occurrence)
        yield from _occurrence_rows(self._run, page, page.refused, counts)

    def _met_before(self, page: _PageDeadLetters) -> set[bytes]:
        """Digests of which this page has none that are not counted: it is read again by the chain that has read it."""
        run, asked = self._run, page.page.page
        if self._occurrences is None or run.resume.begins_pass or asked.number != 1:
            return set()
        chain = {"slice_id": run.slice.slice_id, "pass_number": run.resume.pass_number, "walk": asked.chain}
        with self._connection.cursor() as cursor:
            cursor.execute(statement("was_read"), {**chain, "cursor": asked.cursor})
            if cursor.fetchone() != (True,):
                return set()
        occurrences = self._occurrences
        return {entry.digest for entry in page.dead_letters if occurrences.has_met(entry.digest, asked.chain)}


def _page_dead_letters(
    prepared: PreparedPage,
    is_incremental: bool,
    outcome: Outcome,
) -> _PageDeadLetters:
    number = prepared.page.number
    records: Sequence[str | _DeadLetter] = ()
    if prepared.records is not None:
        records = [record if isinstance(record, str) else _dead_letter(record) for record in prepared.records.records]
    elif is_incremental and outcome.counts_of(prepared).inserted < len(prepared.rows):
        records = prepared.rows.event_ids
    # A refused row's place in the page is not known any more; its bytes say what it was.
    dead_letters = [
        _DeadLetter(
            RejectedEvent(-1, row.reason, row.event.payload, row.detail), row.event.event_id, digest(row.event.payload)
        )
        for row in outcome.refused.get(number, ())
    ]
    return _PageDeadLetters(prepared, records, dead_letters)


def _places(page: _PageDeadLetters) -> tuple[bool, int]:
    """Whether the records stand in the API's order, and how many of the first ones were met before."""
    records = page.page.records
    return (True, 0) if records is None else (records.in_order, records.repeated)


def _dead_letter(record: RejectedRecord) -> _DeadLetter:
    return _DeadLetter(record.rejected, record.event_id, digest(record.rejected.raw))


def _ground_of_last_chain(pages: Sequence[_PageDeadLetters]) -> Ground:
    """Where no one asks what is known."""
    last_chain = pages[-1].page.page.chain
    has_ids = any(page.has_ids for page in pages if page.page.page.chain == last_chain)
    return Ground.NEW if has_ids else Ground.HEAD


def _of_pages(run: OpenRun, pages: Sequence[_PageDeadLetters]) -> Iterator[_Row]:
    for page in pages:
        yield from _occurrence_rows(run, page, page.dead_letters, Counter())


def _occurrence_rows(
    run: OpenRun, page: _PageDeadLetters, dead_letters: Sequence[_DeadLetter], counts: Counter[bytes]
) -> Iterator[_Row]:
    for entry in dead_letters:
        counts[entry.digest] += 1
        yield _row(run, page, entry, counts[entry.digest])


def _row(run: OpenRun, page: _PageDeadLetters, entry: _DeadLetter, occurrence: int) -> _Row:
    event, slice_ = entry.event, run.slice
    place = (slice_.slice_id, slice_.stream, run.run_id, page.page.page.number, event.position)
    return (*place, event.reason, event.detail, event.raw, entry.digest, occurrence)


def _insert(connection: Connection, rows: list[_Row], ground: Ground, outcome: Outcome) -> Outcome:
    if not rows:
        return replace(outcome, ground=ground)
    with connection.cursor() as cursor:
        kept = execute_values(cursor, statement("insert_rejected"), rows, page_size=_PAGE_SIZE_ROWS, fetch=True)
    new_dead_letters = frozenset(page_number for page_number, occurrence in kept if occurrence == 1)
    return replace(outcome, newly_rejected=len(kept), new_dead_letters=new_dead_letters, ground=ground)
