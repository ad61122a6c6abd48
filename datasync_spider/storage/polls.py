"""When the next sync of a slice may begin, as an API has said by an interval between polls.

It is kept in ingestion_credentials, in a row that is the slice's own, until the next sync begins: other slices and
streams of the credential may be asked all the while.
Invariant: it is advice. A run that goes on in the middle of a sync takes no notice of it.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import statement


def note_poll(connection: Connection, slice_id: int, seconds: float) -> None:
    """Remembers that the next sync of the slice is not to begin for so long from now."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("note_poll"), {"poll": poll_name(slice_id), "seconds": seconds})
        connection.commit()


def take_poll(cursor: Any, slice_id: int) -> float:
    """How long the sync that begins now should have waited, which is then forgotten. The caller commits."""
    cursor.execute(statement("take_poll"), {"poll": poll_name(slice_id)})
    row = cursor.fetchone()
    return 0.0 if row is None else float(row[0])


def read_poll(connection: Connection, slice_id: int) -> float:
    """How long from now the next sync of the slice should not begin."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_poll"), {"poll": poll_name(slice_id)})
        row = cursor.fetchone()
        connection.rollback()
    return 0.0 if row is None else float(row[0])


def poll_name(slice_id: int) -> str:
    """What its row goes by."""
    return f"poll:{slice_id}"
