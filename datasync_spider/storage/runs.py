"""Opens and ends runs: the lease, the fence, the resume point, the run's row.

What each crash point leaves behind:

before open_run commits   nothing
after it                  a run called running and a lease that names us; a later run sees that this process is dead
                          (same host) or waits for the lease to expire, takes over with a higher fence, and calls this
                          run failed
before finish_run         the same; the position is the last committed checkpoint in any case

A backfill (:func:`open_run` with ``is_backfill``) takes the same lease and fence, and is in no pass. What it leaves:

after open_run            the same, and ``backfilled_at``: what is stored later is no known ground for a pass until one
                          that began after it has ended. Position, chain and pass are as they were
between two batches       the rows, dead letters and pages of the batches before, and the totals with them; the next
                          plain crawl goes on in the open pass as if they were not there, and meets them as duplicates;
                          the next backfill begins anew, at its window's first page

Invariant: every function here that changes a row checks that the fence is ours. The credential's is the exception:
what the API has said to a key holds, whoever has heard it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from datasync_spider.errors import LeaseHeld, NoNewRecords, StorageRefused, StreamPaused
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.spec import Order
from datasync_spider.sources.streamnames import command_words
from datasync_spider.storage.connection import (
    IDLE_TIMEOUT_MS,
    NO_LOCK_TIMEOUT_MS,
    Connection,
    RowCursor,
    instant_of,
    limit_transaction,
    translated,
    us_of,
)
from datasync_spider.storage.credentials import Waits, claim_credential, raise_waits, read_opening
from datasync_spider.storage.lease import Held, decide
from datasync_spider.storage.owner import Owner, is_alive, this_process
from datasync_spider.storage.passdepth import epoch_ms
from datasync_spider.storage.polls import take_poll
from datasync_spider.storage.registry import NEWEST_FIRST, Deletions, Slice, StreamSpec, register, versioned
from datasync_spider.storage.resume import BACKFILL, FULL, BeginPass, decide_start
from datasync_spider.storage.since import Since
from datasync_spider.storage.statements import statement


class ResumePoint(Struct, frozen=True):
    """Where the chain goes on. ``cursor`` None means the head of the feed.

    ``known_before``: what the pass may call known ground was stored before this instant. ``trail`` holds the cursors
    that this chain has asked for already; ``newest_ms`` is the time of the stream's newest event, epoch milliseconds.
    ``distrusted``: the stored position is not used, since the run that left it was led astray. ``bookmark``: what the
    pass begins with in place of the head.

    ``pass_since_us``: what the pass asks from, and ``chain_since_us`` what its chain does, in microseconds; None for
    the API's own beginning. ``floor_us``: up to there all is stored. ``validator``: what the API knows an
    unchanged first page by, as the last complete pass has found it.

    A backfill is of the kind ``backfill``, begins at the first page of its window, and has the number 0, which no pass
    has.
    """

    cursor: str | None
    pass_number: int
    pass_kind: str
    known_before: datetime
    chain: int
    trail: tuple[str, ...]
    newest_ms: int | None
    total_ingested: int
    expected_total: int | None
    begins_pass: bool
    distrusted: bool = False
    bookmark: str | None = None
    pass_since_us: int | None = None
    chain_since_us: int | None = None
    floor_us: int | None = None
    validator: Mapping[str, str] | None = None

    @property
    def stops_at_known(self) -> bool:
        """Whether ground that was known before ends the pass, and not only the feed's last page."""
        return self.pass_kind == "incremental" and self.pass_since_us is None and self.bookmark is None


class Hold(Struct, frozen=True):
    """A run's hold on its slice: whatever the run changes, it changes only while the fence is this one."""

    run_id: int
    slice: Slice
    fence: int
    lease_ttl_ms: int

    @property
    def key(self) -> dict[str, int]:
        """Touches the slice's row as long as it is ours."""
        return {"slice_id": self.slice.slice_id, "fence": self.fence, "run_id": self.run_id}


class OpenRun(Hold, frozen=True):
    """A run that holds its slice's lease and reads the feed.

    ``waits``: what the API has asked of the run's credential, counted from the opening. ``order``: the feed's, without
    which no time stands for all that lies above it. ``since``: how the stream is asked for what is not older than a
    time. ``deletions``: of a stream in which what a complete full pass has not met is marked. ``note``: what else the
    run's detail is to say. ``is_counted``: its pages are asked for by number. ``fails_on_drift``: a change of a field
    ends it as failed. ``is_written_to``: someone was writing to the slice when it was taken.
    """

    resume: ResumePoint
    took_over: str | None = None
    waits: Waits = field(default_factory=Waits)
    order: Order = NEWEST_FIRST
    since: Since | None = None
    deletions: Deletions | None = None
    note: str = ""
    is_counted: bool = False
    fails_on_drift: bool = False
    is_written_to: bool = False

    @property
    def is_newest_first(self) -> bool:
        return self.order == NEWEST_FIRST

    @property
    def is_backfill(self) -> bool:
        """Whether it belongs to no pass, and moves no position."""
        return self.resume.pass_kind == BACKFILL

    def total_of_slice(self, reported: int | None) -> int | None:
        """What the API has reported as a total, as that of the slice: a pass that asks for a part of it has none."""
        return reported if self.resume.pass_since_us is None else None

    def widened(self) -> OpenRun:
        """The same run once its pass has begun anew as a full one."""
        return replace(self, resume=replace(self.resume, pass_kind=FULL, bookmark=None))


class SliceRow(NamedTuple):
    """The columns of ``lock_slice``, in its order."""

    cursor: str | None
    fence: int
    lease_owner: str | None
    lease_run_id: int | None
    lease_acquired_at: datetime | None
    lease_expired: bool
    pass_number: int
    pass_kind: str
    pass_status: str
    pass_expected_total: int | None
    chain: int
    newest_occurred_at: datetime | None
    total_ingested: int
    paused_at: datetime | None
    completed_at: datetime | None
    backfilled_at: datetime | None
    known_before: datetime | None
    floor_at: datetime | None
    pass_since_at: datetime | None
    chain_since_at: datetime | None
    validator: Mapping[str, str] | None
    bookmark: str | None
    is_full_wanted: bool


def open_run(
    connection: Connection,
    spec: StreamSpec,
    lease_ttl_ms: int,
    version: str,
    *,
    again: bool = False,
    is_backfill: bool = False,
    me: Owner | None = None,
    alive: Callable[[Owner], bool | None] = is_alive,
) -> OpenRun:
    """Takes the slice's lease and inserts the run's row, in one transaction that this function commits.

    A slice that is new is registered in the same transaction.

    ``again``: an attempt of this process failed, and may have been committed all the same. ``is_backfill``: the run
    stores a window of the feed beside the passes.
    Where the run ``is_written_to`` the caller then ends what earlier runs have left on the server
    (:mod:`datasync_spider.storage.backends`).
    Raises LeaseHeld where another run is active, StreamPaused, StreamChanged or TableRefused
    (:mod:`datasync_spider.storage.registry`), StorageRefused where the state is not one that we write.
    """
    with translated(), connection.cursor() as cursor:
        # A transaction that holds the row gives it back within a lease's life; then there is something to decide.
        limit_transaction(connection, lease_ttl_ms, NO_LOCK_TIMEOUT_MS)
        me = me or this_process()
        slice_, state = _locked_slice(connection, cursor, spec)
        if state.paused_at is not None:
            connection.rollback()
            raise StreamPaused(
                f"stream {slice_} is paused since {state.paused_at:%Y-%m-%d %H:%M:%S %Z}:"
                f" scrapy streams resume {command_words(slice_.stream, slice_.name)} lets it go on"
            )
        took_over = _check_free(connection, slice_, state, me if again else None, alive)
        if is_backfill:
            resume = _beside_the_passes(cursor, slice_, state)
        else:
            resume = _begin_or_continue(cursor, spec, slice_, state)
        opening = read_opening(cursor, slice_.slice_id)
        waits = claim_credential(cursor, slice_.slice_id, spec.credential, opening)
        if opening.has_poll and resume.cursor is None and not is_backfill:
            waits = waits.advised(take_poll(cursor, slice_.slice_id))
        begun = {"pass_number": resume.pass_number, "pass_kind": resume.pass_kind}
        begun["cursor"] = resume.bookmark if resume.cursor is None else resume.cursor
        hold, is_written_to = _take(cursor, slice_, state.fence + 1, lease_ttl_ms, me, version, begun, took_over)
        connection.commit()
    return OpenRun(
        hold.run_id,
        slice_,
        hold.fence,
        lease_ttl_ms,
        resume,
        took_over,
        waits,
        spec.order,
        spec.since,
        spec.deletions,
        is_counted=spec.is_counted,
        fails_on_drift=spec.fails_on_drift,
        is_written_to=is_written_to,
    )


def open_replay(
    connection: Connection,
    slice_: Slice,
    lease_ttl_ms: int,
    version: str,
    *,
    spec: StreamSpec | None = None,
    me: Owner | None = None,
    alive: Callable[[Owner], bool | None] = is_alive,
) -> Hold:
    """The same for a run that tries dead letters again: the pass and its position stay as they are.

    ``spec`` says what becomes of versions that are stored otherwise; None: its records do not change.
    """
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, lease_ttl_ms, NO_LOCK_TIMEOUT_MS)
        slice_ = versioned(connection, slice_, spec) if spec is not None else slice_
        state = lock_slice(cursor, slice_)
        if state is None:
            raise StorageRefused(f"stream {slice_} has been dropped meanwhile")
        took_over = _check_free(connection, slice_, state, None, alive)
        kept = {"pass_number": state.pass_number, "pass_kind": "replay", "cursor": state.cursor}
        hold, _ = _take(cursor, slice_, state.fence + 1, lease_ttl_ms, me or this_process(), version, kept, took_over)
        connection.commit()
    return hold


def _check_free(
    connection: Connection,
    slice_: Slice,
    state: SliceRow,
    unheard: Owner | None,
    alive: Callable[[Owner], bool | None],
) -> str | None:
    """Why the slice's last holder does not count. Raises LeaseHeld where it does."""
    decision = decide(
        state.lease_owner, state.lease_acquired_at, expired=state.lease_expired, unheard=unheard, is_alive=alive
    )
    if isinstance(decision, Held):
        connection.rollback()
        since = f" since {decision.since:%Y-%m-%d %H:%M:%S %Z}" if decision.since else ""
        raise LeaseHeld(f"stream {slice_} is being run by {decision.holder}{since} (run {state.lease_run_id})")
    return decision.reason


def _locked_slice(connection: Connection, cursor: Any, spec: StreamSpec) -> tuple[Slice, SliceRow]:
    """The slice, registered where it is new, and its row. One that is dropped in between is registered again."""
    while True:
        slice_ = register(connection, spec)
        state = lock_slice(cursor, slice_)
        if state is not None:
            return slice_, state


def lock_slice(cursor: Any, slice_: Slice) -> SliceRow | None:
    """The slice's row, which no one else changes before the transaction ends; None where there is none."""
    cursor.execute(statement("lock_slice"), {"slice_id": slice_.slice_id})
    row = cursor.fetchone()
    return SliceRow(*row) if row else None


def _take(
    cursor: Any,
    slice_: Slice,
    fence: int,
    lease_ttl_ms: int,
    owner: Owner,
    version: str,
    begun: dict[str, Any],
    took_over: str | None,
) -> tuple[Hold, bool]:
    """Inserts the run's row and gives it the lease; whatever was still called running before has been lost.

    Gives also whether someone is writing to the slice.
    """
    values = {
        "slice_id": slice_.slice_id,
        "stream": slice_.stream,
        "fence": fence,
        "owner": owner.to_text(),
        "person": str(owner),
        "version": version,
        "lease_ttl_ms": lease_ttl_ms,
        "reason": "lost",
        "why_lost": took_over or "the run ended without a word",
    }
    cursor.execute(statement("take_slice"), {**values, **begun})
    run_id, is_written_to = cursor.fetchone()
    return Hold(run_id, slice_, fence, lease_ttl_ms), is_written_to


def _beside_the_passes(cursor: Any, slice_: Slice, state: SliceRow) -> ResumePoint:
    cursor.execute(statement("begin_backfill"), {"slice_id": slice_.slice_id})
    (began_at,) = cursor.fetchone()
    newest_ms = epoch_ms(state.newest_occurred_at)
    return ResumePoint(None, 0, BACKFILL, began_at, 1, (), newest_ms, state.total_ingested, None, begins_pass=True)


def _begin_or_continue(cursor: Any, spec: StreamSpec, slice_: Slice, state: SliceRow) -> ResumePoint:
    since, floor_us = spec.since, us_of(state.floor_at)
    has_bookmark = state.bookmark is not None
    is_incremental = spec.is_incremental
    if since is not None:
        is_incremental = floor_us is not None
    elif spec.has_bookmarks:
        is_incremental = has_bookmark
    # A pass that asks from the floor meets what a backfill has stored as any other record; what lies before a bookmark
    # is not met again, whoever has stored what meanwhile.
    is_blurred = since is None and not spec.has_bookmarks and _is_blurred(cursor, slice_, state)
    try:
        start = decide_start(
            state.pass_status,
            state.pass_kind,
            is_incremental=is_incremental and not state.is_full_wanted,
            is_blurred=is_blurred,
            is_other_kind=has_bookmark is not spec.has_bookmarks,
        )
    except ValueError as error:
        raise StorageRefused(str(error)) from error
    newest_ms = epoch_ms(state.newest_occurred_at)
    if isinstance(start, BeginPass):
        floor_us = None if start.kind == FULL else floor_us
        begun = begin_pass(cursor, slice_, state.pass_number + 1, start.kind, since, floor_us, spec.deletions)
        return replace(
            begun,
            newest_ms=newest_ms,
            total_ingested=state.total_ingested,
            validator=None if state.is_full_wanted else state.validator,
            bookmark=state.bookmark if spec.has_bookmarks and start.kind != FULL else None,
        )
    if slice_.table.unseen is not None and spec.deletions is None:
        # What this run meets in the pass is not remembered.
        begin_memory(cursor, slice_, remembers=False)
    distrusted = _is_astray(cursor, slice_)
    trail: tuple[str, ...] = ()
    if not distrusted:
        chain = {"slice_id": slice_.slice_id, "pass_number": state.pass_number, "walk": state.chain}
        cursor.execute(statement("read_trail"), {**chain, "position": state.cursor})
        trail = tuple(row[0] for row in cursor.fetchall())
    assert state.known_before is not None
    return ResumePoint(
        cursor=None if distrusted else state.cursor,
        pass_number=state.pass_number,
        pass_kind=state.pass_kind,
        known_before=state.known_before,
        chain=state.chain + distrusted,
        trail=trail,
        newest_ms=newest_ms,
        total_ingested=state.total_ingested,
        expected_total=state.pass_expected_total,
        begins_pass=False,
        distrusted=distrusted,
        pass_since_us=us_of(state.pass_since_at),
        chain_since_us=us_of(state.pass_since_at if distrusted else state.chain_since_at),
        floor_us=floor_us,
        validator=state.validator,
        bookmark=state.bookmark if spec.has_bookmarks else None,
    )


def begin_pass(
    cursor: Any,
    slice_: Slice,
    number: int,
    kind: str,
    since: Since | None,
    floor_us: int | None,
    deletions: Deletions | None,
) -> ResumePoint:
    """Opens a pass, in the caller's transaction.

    ``floor_us`` None: it begins where the stream does, and a floor that was there is given up.
    """
    asked_us = None if since is None else since.start_us if floor_us is None else since.below(floor_us)
    begin = {"slice_id": slice_.slice_id, "pass_number": number, "pass_kind": kind, "since_at": instant_of(asked_us)}
    cursor.execute(statement("begin_pass"), begin)
    (known_before,) = cursor.fetchone()
    if slice_.table.unseen is not None:
        # Of a pass that asks for a part of the stream, nothing follows for the rest.
        begin_memory(cursor, slice_, remembers=deletions is not None and kind == FULL and asked_us is None)
    return ResumePoint(
        cursor=None,
        pass_number=number,
        pass_kind=kind,
        known_before=known_before,
        chain=1,
        trail=(),
        newest_ms=None,
        total_ingested=0,
        expected_total=None,
        begins_pass=True,
        pass_since_us=asked_us,
        chain_since_us=asked_us,
        floor_us=floor_us,
    )


def begin_memory(cursor: Any, slice_: Slice, *, remembers: bool) -> None:
    """Forgets what the slice's open pass has met. ``remembers``: it will be known from now on."""
    cursor.execute(statement("empty_seen"), {"slice_id": slice_.slice_id})
    cursor.execute(statement("begin_memory"), {"slice_id": slice_.slice_id, "seen": "all" if remembers else None})


def _is_blurred(cursor: Any, slice_: Slice, state: SliceRow) -> bool:
    """Whether it is not known which dead letters without an id the last pass has counted above its known ground.

    A pass that a backfill came into has stored records after the backfill began, which the next pass takes for new
    ones. That costs requests where they have ids; those without one would be counted a second time.
    """
    backfilled_at, completed_at = state.backfilled_at, state.completed_at
    if backfilled_at is None or completed_at is None or completed_at <= backfilled_at:
        return False
    cursor.execute(
        statement("has_counted_dead_letters"), {"slice_id": slice_.slice_id, "pass_number": state.pass_number}
    )
    (has_counted,) = cursor.fetchone()
    return bool(has_counted)


def _is_astray(cursor: Any, slice_: Slice) -> bool:
    """Whether the position was left by a run whose cursors led nowhere: what they stand for is not known."""
    cursor.execute(statement("read_last_end"), {"slice_id": slice_.slice_id})
    row = cursor.fetchone()
    return row is not None and row[0] == NoNewRecords.reason


def note_closed(connection: Connection, run: OpenRun, closed: Closed) -> None:
    """Remembers, for all runs with the credential, that the API wants no request for so long from now."""
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, run.lease_ttl_ms)
        raise_waits(cursor, run.waits.credential_id, closed)
        connection.commit()


def finish_run(
    connection: Connection,
    run: Hold,
    status: str,
    reason: str,
    detail: str | None,
    retries: int,
    waited_ms: int,
    closed: Closed | None = None,
) -> None:
    """Ends the run's row unless a commit has ended it already, and gives the lease back if it is still ours.

    ``closed``: for how long from now the API wants no request, for the runs to come; a replay asks it for nothing.
    """
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, run.lease_ttl_ms, slice_id=run.slice.slice_id)
        end_run(cursor, run, status, reason, detail, retries, waited_ms)
        # Last, as when a run is opened: other slices wait for this row.
        if isinstance(run, OpenRun) and closed is not None:
            raise_waits(cursor, run.waits.credential_id, closed)
        connection.commit()


def end_run(cursor: Any, run: Hold, status: str, reason: str, detail: str | None, retries: int, waited_ms: int) -> None:
    """The same within the caller's transaction."""
    outcome = {"status": status, "reason": reason, "detail": detail, "retries": retries, "waited_ms": waited_ms}
    cursor.execute(statement("finish_run"), {**run.key, **outcome})


def end_open_run(connection: Connection, run_id: int, signal_name: str | None) -> None:
    """The last resort of a process whose crawl ended without ending its run: says so, and gives its lease back."""
    status = "stopped" if signal_name else "failed"
    outcome = {"status": status, "reason": signal_name or "ended_abruptly", "run_id": run_id}
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("release_lease_of"), {"run_id": run_id})
        cursor.execute(statement("end_open_run"), outcome)
        connection.commit()


def read_run(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """The run's row by column name, or None."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_run"), {"run_id": run_id})
        row = cursor.fetchone()
        connection.rollback()
    return dict(row) if row else None
