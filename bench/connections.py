"""How many connections a database has at once, looked at while something works on it.

Invariant: whoever looks is connected to another database, and is not counted.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psycopg2

_EVERY_SECONDS = 0.05
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"


class ConnectionWatch:
    """``server_url``: another database of the same server. ``most`` is what was seen."""

    def __init__(self, server_url: str, database: str) -> None:
        self.most = 0
        self._database = database
        self._connection = psycopg2.connect(server_url)
        self._connection.autocommit = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def _watch(self) -> None:
        with self._connection.cursor() as cursor:
            while not self._ended.wait(_EVERY_SECONDS):
                cursor.execute(_COUNT, (self._database,))
                for (count,) in cursor:
                    self.most = max(self.most, count)
