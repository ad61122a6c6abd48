r"""The limit of a database-bound crawl: prepared rows through ``psql \copy``, several at once, into the same table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.processes import Measured
from bench.server import query
from embedded_postgres.binaries import environment
from embedded_postgres.starting import psql_path


@dataclass(frozen=True, slots=True)
class Copied:
    """``cpu_seconds`` are those of the clients."""

    seconds: float
    cpu_seconds: float


def copy_rows(paths: list[Path], database_url: str, expected_rows: int) -> Copied:
    """One ``psql`` a file, all at once. Raises RuntimeError where not all rows arrived."""
    running = [
        Measured(
            [str(psql_path()), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database_url, "-c", _command(path)],
            path.with_suffix(".log"),
            cwd=path.parent,
            env=environment(),
        )
        for path in paths
    ]
    done = [each.wait() for each in running]
    found = query(database_url, "SELECT count(*) FROM ingested_events")[0][0]
    if found != expected_rows:
        raise RuntimeError(f"psql stored {found} rows of {expected_rows}")
    return Copied(
        seconds=max(each.ended for each in done) - min(each.started for each in done),
        cpu_seconds=sum(each.cpu_seconds for each in done),
    )


def _command(path: Path) -> str:
    return f"\\copy ingested_events (event_id, occurred_at, payload) from '{path}'"
