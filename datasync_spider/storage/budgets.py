"""The book of a credential's requests in the database: read, changed and written in one short transaction.

States of an exchange, and what a crash in each leaves behind:

waiting    for the row's lock, LOCK_TIMEOUT_MS at most: nothing
locked     the row is ours for two statements. Killed: the server ends the transaction, the row is as it was. Frozen:
           the server ends it after IDLE_TIMEOUT_MS, and all others wait for so long
committed  the slots are given. Killed, or the answer lost: no one uses them. They are returned by the next exchange of
           the process, or count as used after a while (:mod:`datasync_spider.pacing.book`)

No other row is locked meanwhile, so no order of locks can be broken. Invariant: the clock is the database's, read under
the lock, and no process's.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec

from datasync_spider.errors import StorageRefused
from datasync_spider.pacing.book import Answer, Ask, Book, Declared, resolve, take
from datasync_spider.pacing.slots import Report
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import statement

LOCK_TIMEOUT_MS = 1_500
IDLE_TIMEOUT_MS = 1_500
STATEMENT_TIMEOUT_MS = 5_000


class Exchanged(NamedTuple):
    """``asked_at``: by the monotonic clock, before the question left. ``closed_seconds``: how long no request may."""

    answer: Answer
    asked_at: float
    closed_seconds: float


def exchange(
    connection: Connection, credential_id: int, report: Report, ask: Ask | None, declared: Declared | None
) -> Exchanged:
    """Writes the report down, and gives what is asked for. May be repeated with the same arguments."""
    with translated(), connection.cursor() as cursor:
        connection.begin(
            lock_timeout_ms=LOCK_TIMEOUT_MS,
            idle_timeout_ms=IDLE_TIMEOUT_MS,
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        )
        asked_at, (text, now, closed_seconds) = time.monotonic(), _locked(cursor, credential_id)
        book = _read(text, credential_id)
        resolve(book, report, declared, now, asked_at)
        answer = Answer() if ask is None else take(book, report.who, ask, declared, now)
        cursor.execute(
            statement("write_budget"), {"credential_id": credential_id, "book": msgspec.json.encode(book).decode()}
        )
        connection.commit()
    return Exchanged(answer, asked_at, closed_seconds)


def _locked(cursor: Any, credential_id: int) -> tuple[str, float, float]:
    while True:
        cursor.execute(statement("lock_budget"), {"credential_id": credential_id})
        row = cursor.fetchone()
        if row is not None:
            return row[0], row[1], row[2]
        cursor.execute(statement("add_budget"), {"credential_id": credential_id})


def _read(text: str, credential_id: int) -> Book:
    try:
        return msgspec.json.decode(text, type=Book)
    except msgspec.MsgspecError as error:
        raise StorageRefused(
            f"ingestion_budgets.book of credential_id {credential_id} is not as it was written ({error}): set it to"
            " '{}'"
        ) from None
