"""Writes dead letters: the raw bytes of events that cannot be stored, each once.

A dead letter with an id is the same one wherever it is met, but for those of one page, which are twins: all of them are
kept. One without an id is counted along its cursor chain (:mod:`datasync_spider.storage.occurrences`).

Invariant: called inside the writer's transaction, after its turn has come. Reading a page again adds nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace
from psycopg2.extras import execute_values

from datasync_spider.api.event import RejectedEvent
from datasync_spider.storage.batch import Batch, Outcome, PreparedPage
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.ground import Ground, Known, Standing, find_known, read_progress
from datasync_spider.storage.occurrences import BackfillOccurrences, Occurrences
from datasync_spider.storage.pagerecords import Unusable
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_PAGE_SIZE_ROWS = 500

_Row = tuple[int, str, int, int, int, str, str | None, bytes, bytes, int]


def digest(raw: bytes) -> bytes:
    """What identifies a dead letter: its content, since it has no usable id."""
    return hashlib.sha256(raw).digest()


class _Letter(Struct, frozen=True):
    """``event_id`` is None where none can be read."""

    event: RejectedEvent
    event_id: str | None
    digest: bytes


class _PageLetters(Struct, frozen=True):
    """A page's records in its order: ids of events, and unusable ones. ``refused``: what PostgreSQL did not take.

    ``records`` is empty where all of them are rows, and it does not matter which.
    """

    page: PreparedPage
    records: Sequence[str | _Letter]
    refused: Sequence[_Letter]

    @property
    def has_ids(self) -> bool:
        """Whether any record of the page has one."""
        if self.records:
            return any(isinstance(record, str) or record.event_id is not None for record in self.records)
        return len(self.page.rows) > 0

    @property
    def letters(self) -> list[_Letter]:
        return [*(record for record in self.records if isinstance(record, _Letter)), *self.refused]


def insert_rejected(
    connection: Connection,
    run: OpenRun,
    batch: Batch,
    outcome: Outcome,
) -> Outcome:
    """Keeps the batch's unusable events. ``outcome``: what became of its rows; gives it with what became of these."""
    is_incremental = run.resume.stops_at_known
    pages = [_page_letters(page, is_incremental, outcome) for page in batch.pages]
    nameless = {letter.digest for page in pages for letter in page.letters if letter.event_id is None}
    if not nameless and not is_incremental:
        return _insert(connection, list(_of_pages(run, pages)), _ground_of_last_walk(pages), outcome)
    return _Counting(connection, run, pages, nameless).insert(outcome)


class _Counting:
    """Walks through a batch's records where it matters how they stand to each other."""

    def __init__(
        self, connection: Connection, run: OpenRun, pages: Sequence[_PageLetters], nameless: set[bytes]
    ) -> None:
        self._connection = connection
        self._run = run
        self._pages = pages
        progress = read_progress(connection, run.slice)
        self._standing = Standing(progress)
        self._known = self._find_known()
        self._occurrences: Occurrences | BackfillOccurrences | None = None
        if nameless and run.is_backfill:
            self._occurrences = BackfillOccurrences(connection, run, nameless)
        elif nameless:
            self._occurrences = Occurrences(connection, run, progress, nameless)

    def insert(self, outcome: Outcome) -> Outcome:
        rows: list[_Row] = []
        for page in self._pages:
            self._standing.enter(page.page.page.walk)
            rows += self._through(page)
        kept = _insert(self._connection, rows, self._standing.ground, outcome)
        if self._occurrences is not None:
            self._occurrences.save()
        return kept

    def _find_known(self) -> Known:
        run = self._run
        if not run.resume.stops_at_known:
            return Known()
        unsure = [page for page in self._pages if self._standing.ground_of(page.page.page.walk) is not Ground.KNOWN]
        event_ids = {record for page in unsure for record in page.records if isinstance(record, str)}
        named = [letter for page in unsure for letter in page.letters if letter.event_id is not None]
        digests = {letter.digest for letter in named}
        known = find_known(self._connection, run.slice, run.resume.known_before, event_ids, digests)
        # What PostgreSQL refuses stands among the page's events by its id.
        refused = [letter for page in unsure for letter in page.refused if letter.digest in known.digests]
        known.event_ids |= {letter.event_id for letter in refused if letter.event_id is not None}
        return known

    def _is_known(self, record: str | _Letter) -> bool:
        return record in self._known.event_ids if isinstance(record, str) else record.digest in self._known.digests

    def _through(self, page: _PageLetters) -> Iterator[_Row]:
        standing = self._standing
        if not page.records and page.has_ids:
            standing.meet(is_known=False)
        skipped = self._met_before(page)
        in_order, repeated = _places(page)
        at_start = standing.ground
        # Where nobody knows the places, all may stand below what is known.
        hidden = Ground.KNOWN if not in_order and any(map(self._is_known, page.records)) else at_start
        twins: Counter[bytes] = Counter()
        for place, record in enumerate(page.records):
            if isinstance(record, str) or record.event_id is not None:
                standing.meet(is_known=self._is_known(record))
            if isinstance(record, str):
                continue
            if record.event_id is not None:
                twins[record.digest] += 1
                yield _row(self._run, page, record, twins[record.digest])
                continue
            assert self._occurrences is not None
            if record.digest in skipped or place < repeated:
                continue
            ground, above = (standing.ground, standing.ground) if in_order else (hidden, at_start)
            at_head = above is Ground.HEAD
            twin = self._occurrences.meet(record.digest, page.page.page.walk, ground, at_head=at_head)
            if twin is not None:
                yield _row(self._run, page, record, twin)
        yield from _twins(self._run, page, page.refused, twins)

    def _met_before(self, page: _PageLetters) -> set[bytes]:
        """Digests of which this page has none that are not counted: it is read again by the walk that has read it."""
        run, asked = self._run, page.page.page
        if self._occurrences is None or run.resume.begins_pass or asked.number != 1:
            return set()
        chain = {"slice_id": run.slice.slice_id, "pass_number": run.resume.pass_number, "walk": asked.walk}
        with self._connection.cursor() as cursor:
            cursor.execute(statement("was_read"), {**chain, "cursor": asked.cursor})
            if cursor.fetchone() != (True,):
                return set()
        occurrences = self._occurrences
        return {letter.digest for letter in page.letters if occurrences.has_met(letter.digest, asked.walk)}


def _page_letters(
    prepared: PreparedPage,
    is_incremental: bool,
    outcome: Outcome,
) -> _PageLetters:
    number = prepared.page.number
    records: Sequence[str | _Letter] = ()
    if prepared.records is not None:
        records = [record if isinstance(record, str) else _letter(record) for record in prepared.records.records]
    elif is_incremental and outcome.counts_of(prepared).inserted < len(prepared.rows):
        records = prepared.rows.event_ids
    # A refused row's place in the page is not known any more; its bytes tell what it was.
    letters = [
        _Letter(
            RejectedEvent(-1, row.reason, row.event.payload, row.detail), row.event.event_id, digest(row.event.payload)
        )
        for row in outcome.refused.get(number, ())
    ]
    return _PageLetters(prepared, records, letters)


def _places(page: _PageLetters) -> tuple[bool, int]:
    """Whether the records stand in the API's order, and how many of the first ones were met before."""
    records = page.page.records
    return (True, 0) if records is None else (records.in_order, records.repeated)


def _letter(record: Unusable) -> _Letter:
    return _Letter(record.rejected, record.event_id, digest(record.rejected.raw))


def _ground_of_last_walk(pages: Sequence[_PageLetters]) -> Ground:
    """Where nobody asks what is known."""
    last_walk = pages[-1].page.page.walk
    has_ids = any(page.has_ids for page in pages if page.page.page.walk == last_walk)
    return Ground.NEW if has_ids else Ground.HEAD


def _of_pages(run: OpenRun, pages: Sequence[_PageLetters]) -> Iterator[_Row]:
    for page in pages:
        yield from _twins(run, page, page.letters, Counter())


def _twins(run: OpenRun, page: _PageLetters, letters: Sequence[_Letter], twins: Counter[bytes]) -> Iterator[_Row]:
    for letter in letters:
        twins[letter.digest] += 1
        yield _row(run, page, letter, twins[letter.digest])


def _row(run: OpenRun, page: _PageLetters, letter: _Letter, twin: int) -> _Row:
    event, slice_ = letter.event, run.slice
    place = (slice_.slice_id, slice_.stream, run.run_id, page.page.page.number, event.position)
    return (*place, event.reason, event.detail, event.raw, letter.digest, twin)


def _insert(connection: Connection, rows: list[_Row], ground: Ground, outcome: Outcome) -> Outcome:
    if not rows:
        return replace(outcome, ground=ground)
    with connection.cursor() as cursor:
        kept = execute_values(cursor, statement("insert_rejected"), rows, page_size=_PAGE_SIZE_ROWS, fetch=True)
    new_letters = frozenset(page_number for page_number, twin in kept if twin == 1)
    return replace(outcome, newly_rejected=len(kept), new_letters=new_letters, ground=ground)
