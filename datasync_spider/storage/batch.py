"""The units of writing: a prepared page, a batch of them, and what a commit reports. The counts of all of them.

Invariants: a batch holds whole pages, neighbours in the run's order, because the cursor that is committed with them can
only point between pages. What became of records is counted in one struct, by a page, a batch and a run alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct, field

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.sources.drift import Change
from datasync_spider.storage.pagerecords import PageRecords
from datasync_spider.storage.rows import Rows

if TYPE_CHECKING:
    from datasync_spider.storage.deletions import Memory
    from datasync_spider.storage.ground import Ground
    from datasync_spider.storage.quarantine import RejectedRow

Watermark: TypeAlias = tuple[int, str]
"""A place in the feed's order: microseconds since the epoch, then the id."""


class Counts(Struct, frozen=True):
    """What has come, and what became of it; what two of them count together is their sum.

    ``events``: records that were received. Each is one of ``inserted``, ``duplicates``, ``rejected`` and ``filtered``
    unless an item pipeline has added some; those that are ``conflicts`` are duplicates as well. ``deleted``: marked as
    deleted, less those whose mark was taken off. ``drifted``: changes of fields. ``retries`` and ``waited_ms``: what it
    cost to fetch them.
    """

    batches: int = 0
    pages: int = 0
    events: int = 0
    inserted: int = 0
    duplicates: int = 0
    rejected: int = 0
    filtered: int = 0
    conflicts: int = 0
    deleted: int = 0
    drifted: int = 0
    body_bytes: int = 0
    retries: int = 0
    waited_ms: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(sum, zip(_values(self), _values(other), strict=True)))


def _values(counts: Counts) -> tuple[Any, ...]:
    return tuple(getattr(counts, name) for name in counts.__struct_fields__)


class PreparedPage(Struct):
    """A page made ready for COPY.

    ``page`` is its place in the feed, without its events.
    ``rows`` holds no id twice, and none that an earlier page still has in flight.
    ``counts``: as if all of its rows were new; what was left out of them for that reason is a duplicate.
    ``versions`` are events whose id an earlier page has in flight with other bytes.
    ``in_order`` says that times never rise within the page and not from the page before it.
    ``repeated``: so many of its records the run's pass has received before, where these are counted.
    ``records``: all of its records, where some are rejected or were left out; None where ``rows`` are all.
    """

    page: EventPage
    rows: Rows
    rejected: list[RejectedEvent]
    counts: Counts
    newest: Watermark | None
    oldest: Watermark | None
    in_order: bool
    versions: list[Event] = field(default_factory=list)
    records: PageRecords | None = None
    repeated: int = 0


class Batch(Struct):
    """Whole pages that are written in one transaction. ``number`` counts the batches of a run from 1."""

    number: int
    pages: list[PreparedPage] = field(default_factory=list)

    @property
    def first_page(self) -> int:
        return self.pages[0].page.number

    @property
    def last_page(self) -> int:
        return self.pages[-1].page.number

    @property
    def rows(self) -> int:
        return sum(len(page.rows) for page in self.pages)

    @property
    def ends_pass(self) -> str | None:
        return self.pages[-1].page.ends_pass

    @property
    def expected_total(self) -> int | None:
        """The API's total, by the last of the pages that reports one."""
        totals = [page.page.expected_total for page in self.pages if page.page.expected_total is not None]
        return totals[-1] if totals else None

    @property
    def is_widened(self) -> bool:
        """Whether its pass has begun anew as a full one by its end."""
        return self.pages[-1].page.is_widened

    @property
    def newest(self) -> Watermark | None:
        return max((page.newest for page in self.pages if page.newest), default=None)


class Outcome(Struct, frozen=True):
    """What has become of a batch, in its transaction, besides what its pages count by themselves.

    ``changes``: what is to be added to the counts of a page, by its number. ``known``: ids of its rows that it has not
    stored, be it that they were there or that PostgreSQL has refused them; ``differing``: those that are stored with
    other content. ``refused``: what PostgreSQL did not take, by page number. ``replacing``: the pages that brought a
    later version of what was stored. ``is_staging``: ``staged_events`` exists.

    ``newly_rejected``: so many dead letters were not kept before; ``new_dead_letters``: the pages that brought one
    whose bytes were new. ``ground``: where the batch has led its chain; None where its pages have no dead letter, and
    it does not matter what was known before. ``memory``: of what the pass has met, where the stream's table has marks.
    """

    changes: Mapping[int, Counts] = {}
    known: AbstractSet[str] = frozenset()
    differing: AbstractSet[str] = frozenset()
    refused: Mapping[int, Sequence[RejectedRow]] = {}
    is_staging: bool = False
    conflicts: int = 0
    replacing: frozenset[int] = frozenset()
    newly_rejected: int = 0
    new_dead_letters: frozenset[int] = frozenset()
    ground: Ground | None = None
    memory: Memory | None = None

    def counts_of(self, page: PreparedPage) -> Counts:
        change = self.changes.get(page.page.number)
        return page.counts if change is None else page.counts + change

    def changed(self, changes: Iterable[tuple[int, Counts]]) -> dict[int, Counts]:
        """The changes, with these as well."""
        summed = dict(self.changes)
        for number, change in changes:
            summed[number] = summed.get(number, Counts()) + change
        return summed


ALL_NEW: Final = Outcome()
"""Of nearly every batch: its rows are stored, and that is all."""


class Committed(Struct, frozen=True):
    """What one commit made true. ``run_status`` is set by the commit that ended the run's pass, else None.

    ``last_new_page``: the last of its pages that brought something which was not there before, be it a dead letter.
    ``accounted``: all that the stream has stored, rejected and filtered by now. Both None where they are not known.
    ``changes``: of fields, which no one has reported before.
    """

    batch_number: int
    first_page: int
    last_page: int
    counts: Counts
    write_seconds: float
    total_ingested: int | None = None
    expected_total: int | None = None
    run_status: str | None = None
    detail: str | None = None
    last_new_page: int | None = None
    accounted: int | None = None
    changes: tuple[Change, ...] = ()
