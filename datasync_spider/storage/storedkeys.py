"""Guesses which keys of a batch are stored already, without asking the server for each of them.

Asking costs a look-up for every key, known or not. Once a run has asked for as many keys as the table held when it
began, it reads them all once, marks each in one of many bytes, and guesses from then on. Four megabytes are the most; a
table with more keys than these can distinguish is asked as before.

Invariant: this is a hint. A key that is taken for stored and is not costs a comparison; one that is stored and is not
taken for it (this run has stored it itself, or another process) costs that its batch is merged as a whole, and is the
end of guessing for this run.
"""

from __future__ import annotations

import threading

from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import StreamTable

_MOST_KEYS = 250_000
# The table grows until it is read, by about as many keys as it held: of eight places one is taken then, and so many of
# the unknown keys are taken for stored.
_PLACES_PER_KEY = 16
_FETCHED_AT_ONCE = 5_000


class StoredKeys:
    """``stored_rows``: how many events the slice held when the run began. Shared by the writing threads."""

    def __init__(self, table: StreamTable, stored_rows: int) -> None:
        self._table = table
        self._stored_rows = stored_rows
        self._asked_keys = 0
        self._places: bytearray | None = None
        # A slice among others cannot be read alone.
        self._is_over = table.slice_id is not None or not 0 < stored_rows <= _MOST_KEYS
        self._lock = threading.Lock()

    def asked(self, keys: int) -> None:
        """So many keys had to be asked for."""
        self._asked_keys += keys

    def read_if_worth(self, connection: Connection) -> None:
        """Reads all keys of the table when asking has cost as much as that will. One thread does; others go on."""
        if self._is_over or self._asked_keys < self._stored_rows or not self._lock.acquire(blocking=False):
            return
        try:
            if self._places is None:
                self._places = _read(connection, self._table, self._stored_rows)
                self._is_over = True
        finally:
            self._lock.release()

    def among(self, event_ids: list[str]) -> set[str] | None:
        """Those that seem to be stored; None where the server has to be asked."""
        places = self._places
        if places is None:
            return None
        last = len(places) - 1
        return {event_id for event_id in event_ids if places[hash(event_id) & last]}

    def give_up(self) -> None:
        """A batch could not be written by this guess, nor by asking."""
        self._places = None
        self._is_over = True


def _read(connection: Connection, table: StreamTable, stored_rows: int) -> bytearray | None:
    """None where the table holds too many keys by now."""
    places = bytearray(1 << (stored_rows * _PLACES_PER_KEY - 1).bit_length())
    last = len(places) - 1
    most = max(_FETCHED_AT_ONCE, 4 * stored_rows)
    keys = 0
    with translated(), connection.cursor(name="stored_keys") as cursor:
        cursor.execute(table.statement("select_stored_keys"))
        while rows := cursor.fetchmany(_FETCHED_AT_ONCE):
            keys += len(rows)
            if keys > most:
                return None
            for (event_id,) in rows:
                places[hash(event_id) & last] = 1
    return places
