"""The units of writing: a prepared page, a batch of them, and what a commit reports.

Invariant: a batch holds whole pages, neighbours in the run's order, because the cursor that is committed with them can
only point between pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.pagerecords import PageRecords
from datasync_spider.storage.rows import Rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Watermark(Struct, frozen=True, order=True):
    """A place in the feed's order: microseconds since the epoch, then the id."""

    occurred_at_us: int
    event_id: str

    @property
    def occurred_at(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.occurred_at_us)


@dataclass(slots=True)
class PreparedPage:
    """A page made ready for COPY.

    ``page`` is its place in the feed, without its events.
    ``rows`` holds no id twice, and none that an earlier page still has in flight.
    ``duplicates`` counts what was left out for that reason, ``filtered`` what an item pipeline left out.
    ``versions`` are events whose id an earlier page has in flight with other bytes.
    ``in_order`` says that times never rise within the page and not from the page before it.
    ``repeated``: so many of its records the run's pass has received before, where someone counts them.
    ``records``: all of its records, where some are rejected or were left out; None where ``rows`` are all.
    """

    page: EventPage
    rows: Rows
    rejected: list[RejectedEvent]
    duplicates: int
    filtered: int
    newest: Watermark | None
    oldest: Watermark | None
    in_order: bool
    versions: list[Event] = field(default_factory=list)
    records: PageRecords | None = None
    repeated: int = 0


@dataclass(slots=True)
class Batch:
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
        """The API's total, as the last of the pages reports it that reports one."""
        totals = [page.page.expected_total for page in self.pages if page.page.expected_total is not None]
        return totals[-1] if totals else None

    @property
    def is_widened(self) -> bool:
        """Whether its pass has begun anew as a full one by its end."""
        return self.pages[-1].page.is_widened

    @property
    def newest(self) -> Watermark | None:
        return max((page.newest for page in self.pages if page.newest), default=None)


class Committed(Struct, frozen=True):
    """What one commit made true. ``run_status`` is set by the commit that ended the run's pass, else None.

    ``last_new_page``: the last of its pages that brought something which was not there before, be it a dead letter.
    ``accounted``: all that the stream has stored, rejected and filtered by now. Both None where they are not known.
    """

    batch_number: int
    first_page: int
    last_page: int
    pages: int
    events: int
    inserted: int
    duplicates: int
    rejected: int
    filtered: int
    body_bytes: int
    write_seconds: float
    total_ingested: int | None = None
    expected_total: int | None = None
    run_status: str | None = None
    detail: str | None = None
    conflicts: int = 0
    last_new_page: int | None = None
    accounted: int | None = None
