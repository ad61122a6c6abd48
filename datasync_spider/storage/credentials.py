"""What an API has said of its limits: until when a credential is to ask for nothing, by whichever run it was heard.

A row is a credential's, known by a salted digest. A wait that an earlier version kept with a slice is in a row of its
own, the slice's keeper, since no migration knows a key; the slice's next run claims it. All that opening a run does
here is in its transaction, so what a crash leaves is one of these:

before it commits   the keeper, if there was one, and no trace of the credential, or the row that others have made of it
after it            the credential's row, with the later of both waits, and the slice's row points at it; no keeper

Many slices may open at once with a credential that is new. Locks are taken in one order: the slice's row, then the
credential's, then the keeper's, which no one else wants. Who waits for a credential's row waits for a transaction that
wants no slice's row any more.

Invariant: a wait is only ever raised, and no fence is asked for: what the API has said to the key holds, even if the
run that heard it has been replaced since. No key is in any row, nor a digest that could be tried at speed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.polls import poll_name
from datasync_spider.storage.statements import statement


class Waits(NamedTuple):
    """What is recorded for a credential. ``credential_id``: the row that says the longest, None where there is none.

    ``has_budget``: slots for its requests were asked for, of this or of an earlier run.
    """

    credential_id: int | None = None
    closed: Closed = Closed()
    has_budget: bool = False

    def advised(self, seconds: float) -> Waits:
        """The same, where advice of so long counts as well."""
        advised_seconds = max(self.closed.advised_seconds, seconds)
        return self._replace(closed=self.closed._replace(advised_seconds=advised_seconds))


class Opening(NamedTuple):
    """The columns of ``read_opening``, in its order."""

    salt: str | None
    credential_id: int | None
    fingerprint: str | None
    seconds: float
    advised_seconds: float
    has_budget: bool
    has_keeper: bool
    has_poll: bool


def read_opening(cursor: Any, slice_id: int) -> Opening:
    """What the slice's last run has left. The caller holds the slice's row."""
    names = {"keeper": _keeper(slice_id), "poll": poll_name(slice_id)}
    cursor.execute(statement("read_opening"), {"slice_id": slice_id, **names})
    return Opening(*cursor.fetchone())


def claim_credential(cursor: Any, slice_id: int, credential: Credential, opening: Opening) -> Waits:
    """The credential's row, which the slice uses from now on. The caller holds the slice's row, and commits."""
    is_same = opening.salt is not None and opening.fingerprint == credential.fingerprint(opening.salt)
    if is_same and not opening.has_keeper:
        return Waits(opening.credential_id, Closed(opening.seconds, opening.advised_seconds), opening.has_budget)
    cursor.execute(statement("make_salt"))
    fingerprint = credential.fingerprint(_read_salt(cursor))
    credential_id = _find_or_insert(cursor, fingerprint)
    values = {"credential_id": credential_id, "slice_id": slice_id, "keeper": _keeper(slice_id)}
    for step in ("claim_kept_waits", "use_credential", "drop_keeper"):
        cursor.execute(statement(step), values)
    return _read_waits(cursor, credential_id)


def raise_waits(cursor: Any, credential_id: int | None, closed: Closed) -> None:
    """Records that the API wants no request for so long from now, unless it is recorded for longer."""
    if any(closed):
        cursor.execute(statement("raise_waits"), {"credential_id": credential_id, **closed._asdict()})


def read_closed(cursor: Any, credential_ids: Collection[int]) -> dict[int, Closed]:
    """How long the API wants no request of each, from now."""
    cursor.execute(statement("read_waits"), {"credential_ids": list(credential_ids), "fingerprints": []})
    return {row[0]: Closed(row[1], row[2]) for row in cursor.fetchall()}


def find_waits(connection: Connection, credential: Credential, slice_id: int | None) -> Waits:
    """What would hold back a run of the slice with this credential. ``slice_id`` None: of a slice that has no row."""
    with translated(), connection.cursor() as cursor:
        salt = _read_salt(cursor)
        keepers = [] if slice_id is None else [_keeper(slice_id)]
        found = _read_waits(cursor, None, [credential.fingerprint(salt), *keepers])
        connection.rollback()
    return found


def waits_of(connection: Connection, credential_id: int | None) -> Waits:
    """What is recorded in this row."""
    with translated(), connection.cursor() as cursor:
        found = _read_waits(cursor, credential_id)
        connection.rollback()
    return found


def _keeper(slice_id: int) -> str:
    return f"slice:{slice_id}"


def _read_salt(cursor: Any) -> str:
    cursor.execute(statement("read_salt"))
    row = cursor.fetchone()
    return "" if row is None else str(row[0])


def _find_or_insert(cursor: Any, fingerprint: str) -> int:
    while True:
        cursor.execute(statement("find_credential"), {"fingerprint": fingerprint})
        row = cursor.fetchone()
        if row is not None:
            return int(row[0])
        cursor.execute(statement("insert_credential"), {"fingerprint": fingerprint})


def _read_waits(cursor: Any, credential_id: int | None, fingerprints: list[str] | None = None) -> Waits:
    ids = [] if credential_id is None else [credential_id]
    cursor.execute(statement("read_waits"), {"credential_ids": ids, "fingerprints": fingerprints or []})
    rows = cursor.fetchall()
    if not rows:
        return Waits()
    return Waits(rows[0][0], Closed(rows[0][1], max(row[2] for row in rows)), any(row[3] for row in rows))
