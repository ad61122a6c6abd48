"""What is due: which slices are to be synced now, and by whom, for any number of processes.

A slice is due when it is named with a rhythm (``every``), its time has come, the API has not asked to wait, no one has
paused it and no run of it is under way. States of one that is due, and what a crash in each leaves:

claimed   one process has it for ``CLAIM_SECONDS``: none other is given it. A process that dies lets that time run out
running   its run holds the lease, which takes the claim's place: it may take as long as it likes
ended     the claim is gone, and the next time is set by how the run has ended

Invariant: a claim is an economy, and the lease has the final word: a slice that two processes have been given after all
is synced by one of them. Every time here is the database's own. What nothing names any more is never due; its row stays
for whoever wants to know how it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from datasync_spider.pacing.schedule import LATE_FACTOR, interval_seconds, jitter_of
from datasync_spider.storage.connection import IDLE_TIMEOUT_MS, Connection, RowCursor, limit_transaction, translated
from datasync_spider.storage.notices import FAILED, LATE, RECOVERED, insert_notice
from datasync_spider.storage.statements import statement

CLAIM_SECONDS = 60.0
"""Enough to open a run. From then on its lease says that it is under way."""

_FINE = "fine"
_FAILURES = frozenset({"failed", "incomplete"})
# Another process has the slice, or a person has paused it: nothing is wrong with it.
_NO_FAILURES = frozenset({"lease_held", "stream_paused"})


class SliceKey(Struct, frozen=True):
    """A slice by its names, be it registered already or not."""

    source: str
    stream: str
    slice: str

    @property
    def values(self) -> dict[str, Any]:
        return {"source": self.source, "stream": self.stream, "slice": self.slice}


class Rhythm(Struct, frozen=True):
    """A stream with all slices that its source names now. ``every_seconds`` None: nothing says how often."""

    stream: str
    slices: Sequence[str]
    every_seconds: float | None


class Due(SliceKey, frozen=True):
    """A slice that is due. ``failures``: of its last syncs, in a row."""

    every_seconds: float
    failures: int
    late_seconds: float


class Late(SliceKey, frozen=True):
    """A slice that has been due for too long, with no one syncing it."""

    every_seconds: float
    late_seconds: float


class Among(Struct, frozen=True):
    """What someone is ready to sync: all slices of ``streams``, and ``slices``, each with its stream before it.

    By itself: whatever is due.
    """

    streams: Sequence[str] | None = None
    slices: Sequence[tuple[str, str]] = ()

    @property
    def values(self) -> dict[str, Any]:
        return {
            "is_all": self.streams is None and not self.slices,
            "streams": list(self.streams or ()),
            "of_streams": [stream for stream, _ in self.slices],
            "slices": [name for _, name in self.slices],
        }


ANY = Among()


def register(connection: Connection, source: str, rhythms: Iterable[Rhythm], *, is_all: bool = True) -> None:
    """What the source names from now on; what it does not name any more is not due.

    To be repeated whenever its file, or what its slices come from, has been read again. ``is_all`` False: the source
    may have other streams, which are left alone.
    """
    every = list(rhythms)
    known = [one for one in every if one.every_seconds is not None]
    named = {
        "source": source,
        "is_all": is_all,
        "of_streams": [one.stream for one in every],
        "streams": [one.stream for one in known for _ in one.slices],
        "slices": [name for one in known for name in one.slices],
        "every_seconds": [one.every_seconds for one in known for _ in one.slices],
    }
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("lock_names"))
        cursor.execute(statement("name_slices"), named)
        cursor.execute(statement("unname_slices"), named)
        connection.commit()


def claim(
    connection: Connection, limit: int, process: str, among: Among = ANY, claim_seconds: float = CLAIM_SECONDS
) -> list[Due]:
    """At most so many slices that are due, the latest first, each by its own measure; no one else is given them.

    ``process``: what distinguishes the caller from all others. A process that does not sync one after all gives it back
    (:func:`release`), or lets the claim run out.
    """
    wanted = {"limit": limit, "process": process, "claim_seconds": claim_seconds, **among.values}
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("claim_due"), wanted)
        found = [Due(**row) for row in cursor.fetchall()]
        connection.commit()
    return sorted(found, key=lambda due: due.late_seconds / due.every_seconds, reverse=True)


def release(connection: Connection, keys: Sequence[SliceKey], process: str) -> None:
    """Gives claims back: the slices are due for any process, at once."""
    given = {"streams": [key.stream for key in keys], "slices": [key.slice for key in keys], "process": process}
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("release_claims"), given)
        connection.commit()


def seconds_to_next(connection: Connection, among: Among = ANY) -> float | None:
    """How long nothing of it will be due, as far as is known now; None where nothing ever will be."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_next_due"), among.values)
        (seconds,) = cursor.fetchone()
        connection.rollback()
    return None if seconds is None else float(seconds)


def ended(
    connection: Connection,
    key: SliceKey,
    *,
    run_id: int | None = None,
    refused: str | None = None,
    notifies: bool = False,
) -> None:
    """A sync of the slice is over: sets when the next one is due, and notes whether it is well.

    ``run_id``: its run, whose row says how it has ended; one that says nothing yet changes nothing. ``refused``: the
    reason for which it had none. ``notifies``: a change for the worse or the better is to be reported.

    Any process may call it of any run that is in a pass, whether it was claimed or not, and more than once. A stopped
    run, or one that another has taken over, leaves the slice as due as it was.
    """
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        run: dict[str, Any] = {}
        if run_id is not None:
            cursor.execute(statement("read_run_end"), {"run_id": run_id})
            run = dict(cursor.fetchone() or {})
        note_end(cursor, key, run, refused=refused, notifies=notifies)
        connection.commit()


def note_end(
    cursor: Any,
    key: SliceKey,
    run: Mapping[str, Any],
    *,
    refused: str | None = None,
    notifies: bool = False,
    waits: bool = True,
) -> bool:
    """The same in the caller's transaction, by rows with column names. ``run``: its row; empty where there was none.

    ``waits`` False: not for whoever has the slice's row here. False where it is to be noted later.
    """
    status = run.get("status") if refused is None else None if refused in _NO_FAILURES else "failed"
    is_failure = status in _FAILURES
    if not is_failure and status != "complete":
        return True
    cursor.execute(statement("lock_due" if waits else "lock_due_at_once"), key.values)
    before = cursor.fetchone()
    if before is None:
        return False
    run_id = run.get("run_id")
    if run_id is not None and before["run_id"] is not None and run_id <= before["run_id"]:
        return True
    failures = before["failures"] + 1 if is_failure else 0
    every = before["every_seconds"]
    jitter = jitter_of(f"{key.stream} {key.slice}")
    health = "failed" if is_failure else _FINE
    end = {
        "began_at": run.get("started_at"),
        "run_id": run_id,
        "failures": failures,
        "is_failure": is_failure,
        "pause_seconds": None if every is None else interval_seconds(every, jitter, failures),
        "health": health,
    }
    cursor.execute(statement("end_sync"), {**key.values, **end})
    if notifies and health != before["health"]:
        facts = {
            "run_id": run_id,
            "status": status,
            "reason": run.get("reason", refused),
            "failures": failures,
            "every_seconds": every,
        }
        insert_notice(cursor, FAILED if is_failure else RECOVERED, key.values, facts)
    return True


def read_late(connection: Connection, limit: int, factor: float = LATE_FACTOR) -> list[Late]:
    """What has been due for longer than so many times its rhythm, the latest first."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_late"), {"factor": factor, "limit": limit})
        found = [Late(**row) for row in cursor.fetchall()]
        connection.rollback()
    return found


def note_late(connection: Connection, factor: float = LATE_FACTOR) -> list[Late]:
    """Those of which no one has said yet that they are late, each once: a notice of each is in the same transaction.

    One that is late stays so until a sync of it is complete or has failed.
    """
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("note_late"), {"factor": factor})
        found = [Late(**row) for row in cursor.fetchall()]
        for late in found:
            facts = {"every_seconds": late.every_seconds, "late_seconds": round(late.late_seconds, 3)}
            insert_notice(cursor, LATE, late.values, facts)
        connection.commit()
    return found


def make_due(cursor: Any, stream: str, slices: Sequence[str] | None) -> None:
    """These slices, or all of the stream, are due now, and what has failed is forgotten. The caller commits."""
    cursor.execute(statement("lock_names"))
    cursor.execute(statement("make_due"), {"stream": stream, "slices": None if slices is None else list(slices)})


def forget_due(cursor: Any, stream: str, slice_name: str | None) -> None:
    """Of a slice, or a whole stream, that goes. The caller commits."""
    cursor.execute(statement("lock_names"))
    cursor.execute(statement("delete_due_of"), {"stream": stream, "slice": slice_name})
