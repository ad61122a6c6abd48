"""How fresh the slices are that a process is to keep so, in one short question: what is late, and what is due next.

Invariant: its cost is that of a look at what is due; no table of a stream is read, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from datasync_spider.pacing.schedule import LATE_FACTOR
from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.due import Late
from datasync_spider.storage.statements import statement


class StreamFreshness(Struct, frozen=True):
    """How many slices of a stream are due, and late; for how long the latest has been due."""

    due: int
    late: int
    late_seconds: float


class Freshness(Struct, frozen=True):
    """``streams`` by source and stream; ``latest``: a few of those that are late, the latest first.

    ``next_seconds``: when the next one is due of those that are not; None where none ever will be.
    """

    streams: dict[tuple[str, str], StreamFreshness] = {}
    latest: tuple[Late, ...] = ()
    next_seconds: float | None = None

    @property
    def due(self) -> int:
        return sum(stream.due for stream in self.streams.values())

    @property
    def late(self) -> int:
        return sum(stream.late for stream in self.streams.values())


def read_freshness(
    connection: Connection, slices: Sequence[tuple[str, str]], limit: int, factor: float = LATE_FACTOR
) -> Freshness:
    """``slices``: each with its stream before it; without any, it is asked whether the database answers.

    ``limit``: how many of the latest.
    """
    wanted = {
        "of_streams": [stream for stream, _ in slices],
        "slices": [name for _, name in slices],
        "factor": factor,
        "limit": limit,
    }
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_freshness"), wanted)
        rows = cursor.fetchall()
        connection.rollback()
    latest = [Late(**one) for row in rows for one in row["latest"]]
    nexts = [row["next_seconds"] for row in rows if row["next_seconds"] is not None]
    return Freshness(
        {(row["source"], row["stream"]): StreamFreshness(row["due"], row["late"], row["late_seconds"]) for row in rows},
        tuple(sorted(latest, key=lambda late: late.late_seconds / late.every_seconds, reverse=True)),
        min(nexts, default=None),
    )
