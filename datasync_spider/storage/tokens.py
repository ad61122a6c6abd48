"""The newest tokens of a credential whose refresh token is replaced at each use: one row, renewed by one at a time.

States of a renewal, and what a crash in each leaves behind:

waiting    for the row's lock, so many seconds at most: nothing. Whoever is let in reads what the one before has stored,
           and need not renew it again
locked     the row is ours, in a transaction that is open while the provider is asked. Killed: the server ends the
           transaction with the connection, and the row is free at once, as it was. Frozen: the server ends it after
           the seconds that a request may take, and some
answered   the provider has replaced the refresh token, and only this process knows the new one. Killed: the row has
           the old one. What the provider lets one repeat is repeated by the next; else it says invalid_grant, and a
           person has to put a new refresh token under the secret's name
committed  the row has the new tokens. Killed: the next one uses them, although no one has

A database that goes away between the last two is waited for as long as for pages: the tokens are stored over another
connection, if no one has renewed them meanwhile, which ``generation`` shows. A COMMIT whose answer was lost is found
there in the same way.

Invariant: tokens are stored by themselves, before the access token among them is used. No token is in an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import psycopg2.errors

from datasync_spider import failpoints
from datasync_spider.errors import StorageUnavailable, TokensSealed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage.connection import (
    LOCK_TIMEOUT_MS,
    Connection,
    RowCursor,
    limit_transaction,
    translated,
)
from datasync_spider.storage.pool import Line, Pool, Use
from datasync_spider.storage.sealing import Sealing
from datasync_spider.storage.statements import statement


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """``left_seconds`` and ``lifetime_seconds`` of the access token; None where its end is not known."""

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    left_seconds: float | None = None
    lifetime_seconds: float | None = None


class TokenRow:
    """The row of one credential, used from one thread at a time.

    ``held_seconds``: so long the row may be locked at most, and so long others are waited for.
    """

    def __init__(self, pool: Pool, credential: Credential, source: str, sealing: Sealing, held_seconds: float) -> None:
        self._pool = pool
        self._credential = credential
        self._source = source
        self._sealing = sealing
        self._held_ms = round(held_seconds * 1000)
        self._line: Line | None = None
        self._token_id = 0
        self._generation = 0

    def lock(self) -> StoredTokens | None:
        """What is stored; None before the first renewal. The row is ours until :meth:`save` or :meth:`release`.

        Raises StorageUnavailable, also where another process does not let go of it, and TokensSealed.
        """
        self.release()
        self._line = self._pool.take(Use.WAITING)
        try:
            return self._locked(self._line.connection)
        except BaseException:
            self.release()
            raise

    def save(self, tokens: StoredTokens) -> StoredTokens:
        """The tokens that are stored now: these, or those of a process that has renewed them in our place.

        Raises StorageUnavailable, after which it can be called again.
        """
        failpoints.reach("token_answered")
        expected = self._generation
        if self._line is None:
            stored = self.lock()
            if stored is not None and self._generation != expected:
                self.release()
                return stored
        assert self._line is not None
        try:
            if not self._saved(self._line.connection, tokens):
                raise StorageUnavailable("the row of the tokens has been renewed by another process")
        finally:
            self.release()
        failpoints.reach("token_stored")
        return tokens

    def release(self) -> None:
        """Lets go of the row, as it is."""
        line, self._line = self._line, None
        if line is not None:
            self._pool.give_back(line)

    def _locked(self, connection: Connection) -> StoredTokens | None:
        with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
            cursor.execute(statement("make_salt"))
            cursor.execute(statement("read_salt"))
            fingerprint = self._credential.fingerprint(str(cursor.fetchone()["salt"]))
            cursor.execute(statement("add_token_row"), {"fingerprint": fingerprint, "source": self._source})
            # By itself, so that no one waits for a row that is not there yet.
            connection.commit()
            limit_transaction(connection, self._held_ms, self._held_ms + LOCK_TIMEOUT_MS)
            try:
                cursor.execute(statement("lock_token_row"), {"fingerprint": fingerprint})
            except psycopg2.errors.LockNotAvailable as error:
                seconds = (self._held_ms + LOCK_TIMEOUT_MS) / 1000
                raise StorageUnavailable(
                    f"the tokens of source {self._source} are locked by another process for longer than {seconds:g} s",
                    error.pgcode,
                ) from error
            row = cursor.fetchone()
        if row is None:
            raise StorageUnavailable("the row of the tokens was deleted while it was looked for")
        self._token_id, self._generation = row["token_id"], row["generation"]
        return self._read(row)

    def _read(self, row: dict[str, Any]) -> StoredTokens | None:
        if row["tokens"] is None:
            return None
        text = self._sealing.open(row["tokens"], row["sealed_by"])
        try:
            found = json.loads(text)
            return StoredTokens(
                found["refresh_token"], found["access_token"], row["left_seconds"], row["lifetime_seconds"]
            )
        except (ValueError, KeyError, TypeError):
            raise TokensSealed(
                f"the tokens in ingestion_tokens with token_id {row['token_id']} are not as they were stored: delete"
                " the row, and put a new refresh token where the source's secret is"
            ) from None

    def _saved(self, connection: Connection, tokens: StoredTokens) -> bool:
        text = json.dumps({"refresh_token": tokens.refresh_token, "access_token": tokens.access_token})
        values = {
            "token_id": self._token_id,
            "generation": self._generation,
            "tokens": self._sealing.seal(text),
            "sealed_by": self._sealing.name,
            "lifetime_seconds": tokens.lifetime_seconds,
            "left_seconds": tokens.left_seconds,
        }
        with translated(), connection.cursor() as cursor:
            cursor.execute(statement("save_tokens"), values)
            is_ours = bool(cursor.rowcount == 1)
            connection.commit()
        return is_ours
