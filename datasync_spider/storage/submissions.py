"""The attempts to submit ids: planned before anything leaves, ended with what became of them.

What each crash point leaves behind:

before plan commits       nothing
after it                  a planned attempt; the next one finds its process dead, or its time over, and ends it unsent
after mark_sent commits   a sent attempt; the next one ends it as unknown, which counts as a used try
before end commits        the same, though the answer may have come: what the API knows must be asked

Invariant: at most one attempt of a key is in progress, also where two processes start together, and the count of used
tries that a plan was allowed on cannot change while that plan is in progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from psycopg2.extras import Json

from datasync_spider.errors import RowsRejected, StorageError
from datasync_spider.storage.connection import UNIQUE_VIOLATION, Connection, RowCursor, translated
from datasync_spider.storage.owner import Owner, is_alive, parse_owner, this_process
from datasync_spider.storage.statements import statement


class AttemptInProgress(StorageError):
    """Another process is submitting with this key, or was cut off so lately that it may still be."""

    reason = "submission_in_progress"


class Plan(Struct, frozen=True):
    """What is about to be sent. ``lasts_ms``: after so long no one can still be sending it."""

    stream: str
    api: str
    key_fingerprint: str
    repo: str
    event_count: int
    body_bytes: int
    sha256: str
    lasts_ms: int


class Ending(Struct, frozen=True):
    """How an attempt ended. ``status`` planned means that nothing has left."""

    status: str
    detail: str | None = None
    http_status: int | None = None
    receipt: Any = None


def resolve_abandoned(
    connection: Connection, key_fingerprint: str, alive: Callable[[Owner], bool | None] = is_alive
) -> None:
    """Ends the attempts of this key whose sender is gone; commits. Raises AttemptInProgress where one is at it."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("lock_attempts_in_progress"), {"key_fingerprint": key_fingerprint})
        for attempt_id, status, owner_text, planned_at, expired in cursor.fetchall():
            owner = parse_owner(owner_text)
            life = alive(owner) if owner else None
            if life or (life is None and not expired):
                connection.rollback()
                raise AttemptInProgress(
                    f"attempt {attempt_id} is in progress: {owner or 'an unknown process'}"
                    f" has been at it since {planned_at:%Y-%m-%d %H:%M:%S %Z}"
                )
            was_sent = status == "sent"
            ending = {
                "attempt_id": attempt_id,
                "status": "unknown" if was_sent else "planned",
                "detail": "its process ended before the answer came"
                if was_sent
                else "its process ended before sending",
            }
            cursor.execute(statement("resolve_attempt"), ending)
        connection.commit()


def plan_attempt(connection: Connection, plan: Plan, allow: Callable[[int], None], me: Owner | None = None) -> int:
    """Records a plan and commits it; gives its number.

    ``allow`` gets the number of tries that this key has used as far as this database knows, at a moment when no other
    attempt can be added, and raises where one more must not be made: then nothing is recorded, once the caller has
    closed the connection. Raises AttemptInProgress.
    """
    owner = me or this_process()
    try:
        with translated(), connection.cursor() as cursor:
            cursor.execute(statement("plan_attempt"), {**asdict(plan), "owner": owner.to_text()})
            attempt_id = _first(cursor.fetchone())
            cursor.execute(statement("count_attempts_used"), {"key_fingerprint": plan.key_fingerprint})
            allow(_first(cursor.fetchone()))
            connection.commit()
            return attempt_id
    except RowsRejected as error:
        if error.sqlstate == UNIQUE_VIOLATION:
            raise AttemptInProgress("another attempt with this key has begun at this very moment") from error
        raise


def mark_sent(connection: Connection, attempt_id: int) -> None:
    """Says, before it does, that the attempt leaves; commits. Raises AttemptInProgress where others ended the plan."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("mark_attempt_sent"), {"attempt_id": attempt_id})
        if cursor.fetchone() is None:
            connection.rollback()
            raise AttemptInProgress(f"attempt {attempt_id} took too long to begin and was ended by another process")
        connection.commit()


def end_attempt(connection: Connection, attempt_id: int, ending: Ending) -> None:
    """Records what became of the attempt; commits."""
    values = {
        "attempt_id": attempt_id,
        "status": ending.status,
        "detail": ending.detail,
        "http_status": ending.http_status,
        "receipt": None if ending.receipt is None else Json(ending.receipt),
    }
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("end_attempt"), values)
        connection.commit()


def count_used(connection: Connection, key_fingerprint: str) -> int:
    """How many tries of this key this database knows to be used, or must take for used."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("count_attempts_used"), {"key_fingerprint": key_fingerprint})
        used = _first(cursor.fetchone())
        connection.rollback()
    return used


def read_attempts(connection: Connection, key_fingerprint: str) -> list[dict[str, Any]]:
    """Every attempt of every key, the oldest first, by column name; ``is_this_key`` marks those of this one."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_attempts"), {"key_fingerprint": key_fingerprint})
        rows = cursor.fetchall()
        connection.rollback()
    return [dict(row) for row in rows]


def _first(row: tuple[Any, ...] | None) -> int:
    assert row is not None
    return int(row[0])
